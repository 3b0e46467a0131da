/* The SQL of the import by name: old_statements.def runs on the database of 0.1.0, statements.def on ours. */
#ifndef LC_ADMIN_IMPORT_STATEMENTS_H
#define LC_ADMIN_IMPORT_STATEMENTS_H

#include "shared/db/db.h"

enum import_statement_id {
#define STATEMENT(id, params, columns, sql) IMPORT_##id,
#include "services/admin-api/import/old_statements.def"
    IMPORT_OLD_STATEMENT_COUNT,
    IMPORT_BEFORE_OURS = IMPORT_OLD_STATEMENT_COUNT - 1,
#include "services/admin-api/import/statements.def"
#undef STATEMENT
    IMPORT_STATEMENT_COUNT
};

extern const struct db_statement import_statements[IMPORT_STATEMENT_COUNT];

#define import_statement(id) (&import_statements[IMPORT_##id])

#endif
