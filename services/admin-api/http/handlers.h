/* Every handler that a row of routes.def names. Each is as exchange.h says. */
#ifndef LC_ADMIN_HTTP_HANDLERS_H
#define LC_ADMIN_HTTP_HANDLERS_H

#include "services/admin-api/http/exchange.h"

#define ROUTE(method, path, access, thread, body_limit, handler) int handler(struct exchange *x);
#include "services/admin-api/http/routes.def"
#undef ROUTE

#endif
