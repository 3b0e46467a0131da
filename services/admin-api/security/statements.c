/* The table of SQL that accounts use. No other folder runs any of it. */
#include "services/admin-api/security/statements.h"

const struct db_statement security_statements[SECURITY_STATEMENT_COUNT] = {
#define STATEMENT(id, params, columns, sql) [SECURITY_##id] = {#id, sql, params, columns},
#include "services/admin-api/security/statements.def"
#undef STATEMENT
};
