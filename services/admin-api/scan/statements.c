/* The table of statements; see statements.h. */
#include "services/admin-api/scan/statements.h"

const struct db_statement scan_statements[SCAN_STATEMENT_COUNT] = {
#define STATEMENT(id, given, gives, text) {.name = "scan." #id, .sql = (text), .params = (given), .columns = (gives)},
#include "services/admin-api/scan/statements.def"
#undef STATEMENT
};
