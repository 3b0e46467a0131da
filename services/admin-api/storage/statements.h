/* The SQL of this folder by name, from statements.def; a test prepares each on both databases. */
#ifndef LC_ADMIN_STORAGE_STATEMENTS_H
#define LC_ADMIN_STORAGE_STATEMENTS_H

#include "shared/db/db.h"

enum storage_statement_id {
#define STATEMENT(id, params, columns, sql) STORAGE_##id,
#include "services/admin-api/storage/statements.def"
#undef STATEMENT
    STORAGE_STATEMENT_COUNT
};

extern const struct db_statement storage_statements[STORAGE_STATEMENT_COUNT];

#define storage_statement(id) (&storage_statements[STORAGE_##id])

#endif
