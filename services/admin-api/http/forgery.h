/*
 * Did a page of ours send this request, or another site in the user's name (CSRF)? Asked of what cookies authenticate;
 * a bearer token is sent by nobody but its holder. Worker thread.
 */
#ifndef LC_ADMIN_HTTP_FORGERY_H
#define LC_ADMIN_HTTP_FORGERY_H

#include "services/admin-api/http/exchange.h"

/* Of a request that changes something in a session (x->who): origin, cookie and header. 1; 0: refused and answered;
 * negative. */
int forgery_check(struct exchange *x) __attribute__((warn_unused_result));
/* Of a login, which has no session yet: the origin alone. Programs that are no browsers send none. */
int forgery_check_origin(struct exchange *x) __attribute__((warn_unused_result));

#endif
