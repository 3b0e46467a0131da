/* The table of statements; see statements.h. */
#include "services/admin-api/webhooks/statements.h"

const struct db_statement webhook_statements[WEBHOOK_STATEMENT_COUNT] = {
#define STATEMENT(id, given, gives, text)                                                                              \
    {.name = "webhooks." #id, .sql = (text), .params = (given), .columns = (gives)},
#include "services/admin-api/webhooks/statements.def"
#undef STATEMENT
};
