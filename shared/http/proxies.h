/*
 * Who the client is behind proxies that are trusted to say so: the right-most hop of X-Forwarded-For that is not one
 * of them. Made once, read-only afterwards: any thread.
 */
#ifndef LC_SHARED_HTTP_PROXIES_H
#define LC_SHARED_HTTP_PROXIES_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/http/head.h"

struct proxies;

/* CIDRs or addresses separated by commas, or "". 0, -ENOMEM, -EINVAL with `why`. */
int proxies_new(const char *text, struct proxies **out, char *why, size_t why_size) __attribute__((warn_unused_result));
void proxies_free(struct proxies *p);
/* config_row.check */
int proxies_check(const char *value, char *why, size_t why_size);

bool proxies_trusts(const struct proxies *p, const char *address);
/* The client's address into `out`: `peer` itself unless it is trusted; then `forwarded` (X-Forwarded-For, all its
 * fields joined by commas; data NULL: none) from the right. What is no address there ends the search. */
void proxies_client(const struct proxies *p, const char *peer, struct span forwarded, char *out, size_t size);

#endif
