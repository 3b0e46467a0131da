/* The SQL of this folder by name, from statements.def; a test prepares each on both databases. */
#ifndef LC_ADMIN_SCANS_STATEMENTS_H
#define LC_ADMIN_SCANS_STATEMENTS_H

#include "shared/db/db.h"

enum scan_statement_id {
#define STATEMENT(id, params, columns, sql) SCAN_##id##_SQL,
#include "services/admin-api/scan/statements.def"
#undef STATEMENT
    SCAN_STATEMENT_COUNT
};

extern const struct db_statement scan_statements[SCAN_STATEMENT_COUNT];

#define scan_statement(id) (&scan_statements[SCAN_##id##_SQL])

#endif
