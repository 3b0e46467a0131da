/* The SQL of this folder by name, from statements.def; a test prepares each on both databases. */
#ifndef LC_ADMIN_WEBHOOKS_STATEMENTS_H
#define LC_ADMIN_WEBHOOKS_STATEMENTS_H

#include "shared/db/db.h"

enum webhook_statement_id {
#define STATEMENT(id, params, columns, sql) WEBHOOK_##id##_SQL,
#include "services/admin-api/webhooks/statements.def"
#undef STATEMENT
    WEBHOOK_STATEMENT_COUNT
};

extern const struct db_statement webhook_statements[WEBHOOK_STATEMENT_COUNT];

#define webhook_statement(id) (&webhook_statements[WEBHOOK_##id##_SQL])

#endif
