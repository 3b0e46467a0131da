/* The table of statements; see statements.h. */
#include "services/admin-api/storage/statements.h"

const struct db_statement storage_statements[STORAGE_STATEMENT_COUNT] = {
#define STATEMENT(id, given, gives, text)                                                                              \
    {.name = "storage." #id, .sql = (text), .params = (given), .columns = (gives)},
#include "services/admin-api/storage/statements.def"
#undef STATEMENT
};
