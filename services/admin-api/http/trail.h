/* A request's line in the audit log. Worker threads; in the caller's transaction, if it has one. */
#ifndef LC_ADMIN_HTTP_TRAIL_H
#define LC_ADMIN_HTTP_TRAIL_H

#include "services/admin-api/http/exchange.h"
#include "services/admin-api/security/audit.h"

/* The request's caller (x->who) did `action` to `object`. 0 or the database's error. */
int trail_add(const struct exchange *x, struct db_conn *c, const char *action, const char *object, const char *outcome)
    __attribute__((warn_unused_result));

#endif
