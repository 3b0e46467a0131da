/* Who may call a route: the access column of routes.def against the caller's identity. Worker thread. */
#ifndef LC_ADMIN_HTTP_ACCESS_H
#define LC_ADMIN_HTTP_ACCESS_H

#include "services/admin-api/http/routes.h"

/* Finds out who calls (x->who) where it matters. 1: allowed; 0: refused and answered; negative errno. */
int access_check(struct exchange *x, enum access access) __attribute__((warn_unused_result));

#endif
