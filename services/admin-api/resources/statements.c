/* The table of fixed SQL; see statements.h. */
#include "services/admin-api/resources/statements.h"

const struct db_statement resource_statements[RESOURCE_STATEMENT_COUNT] = {
#define STATEMENT(id, params, columns, sql) [RESOURCE_##id] = {#id, sql, params, columns},
#include "services/admin-api/resources/statements.def"
#undef STATEMENT
};
