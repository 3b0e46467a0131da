/* The SQL of accounts by name, from statements.def; a test prepares each on both databases. */
#ifndef LC_ADMIN_SECURITY_STATEMENTS_H
#define LC_ADMIN_SECURITY_STATEMENTS_H

#include "shared/db/db.h"

enum security_statement_id {
#define STATEMENT(id, params, columns, sql) SECURITY_##id,
#include "services/admin-api/security/statements.def"
#undef STATEMENT
    SECURITY_STATEMENT_COUNT
};

extern const struct db_statement security_statements[SECURITY_STATEMENT_COUNT];

#define security_statement(id) (&security_statements[SECURITY_##id])

#endif
