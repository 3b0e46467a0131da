/* Host names to addresses beside an event loop: getaddrinfo may wait for a name server for many seconds, and all
 * connections of the loop with it. Loop thread only. */
#ifndef LC_SHARED_REDIS_RESOLVE_H
#define LC_SHARED_REDIS_RESOLVE_H

#include <stdbool.h>

#include "shared/loop/loop.h"

struct resolving;

/* `address` is numeric, or NULL: the name has none. */
typedef void (*resolve_cb)(void *arg, const char *address);

bool resolve_is_address(const char *host); /* there is nothing to resolve */
/* Called once, later, from the loop, which must outlive it. NULL: no memory or no thread. */
struct resolving *resolve_begin(struct loop *loop, const char *host, resolve_cb cb, void *arg);
void resolve_forget(struct resolving *r); /* the callback will not be called; NULL is ignored */

#endif
