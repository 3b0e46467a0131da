/* The table of statements; see statements.h. */
#include "services/admin-api/import/statements.h"

const struct db_statement import_statements[IMPORT_STATEMENT_COUNT] = {
#define STATEMENT(id, given, gives, text) {.name = "import." #id, .sql = (text), .params = (given), .columns = (gives)},
#include "services/admin-api/import/old_statements.def"

#include "services/admin-api/import/statements.def"
#undef STATEMENT
};
