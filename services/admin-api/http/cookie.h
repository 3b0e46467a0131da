/* Cookies: reading the request's, setting and clearing ours (RFC 6265). Whoever owns x. */
#ifndef LC_ADMIN_HTTP_COOKIE_H
#define LC_ADMIN_HTTP_COOKIE_H

#include "services/admin-api/http/exchange.h"

#define COOKIE_SESSION "lc_session"
#define COOKIE_CSRF    "csrftoken"

/* The value of the request's first cookie of that name; len 0: none. */
struct span cookie_find(const struct exchange *x, const char *name);
/* For the whole site, as long as a session may last; Secure behind https. "" clears it. Only the session's cookie is
 * kept from scripts. 0 or -ENOMEM. */
int cookie_set(struct exchange *x, const char *name, const char *value) __attribute__((warn_unused_result));
/* How long sessions last, by configuration. */
struct session_limits cookie_session_limits(const struct exchange *x);

#endif
