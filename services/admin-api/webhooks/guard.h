/*
 * Which addresses a web hook may reach: public ones, and those an operator allows. Asked of the address that is about
 * to be connected to, so that no name can point elsewhere between the question and the connection. Any thread.
 */
#ifndef LC_ADMIN_WEBHOOKS_GUARD_H
#define LC_ADMIN_WEBHOOKS_GUARD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "shared/net/cidr.h"

struct guard;

/* `allowed`: as WEBHOOK_ALLOW_NETS. 0, -ENOMEM, or -EINVAL with one line in `why`. */
int guard_new(const char *allowed, struct guard **out, char *why, size_t why_size) __attribute__((warn_unused_result));
void guard_free(struct guard *g);
/* False too for what is on neither IPv4 nor IPv6. */
bool guard_allows(const struct guard *g, const struct sockaddr *to);

/* config_row.check of where a web hook points: http or https, a host, no user, no fragment. 0 or -EINVAL with `why`. */
int guard_check_url(const char *url, char *why, size_t why_size);

#endif
