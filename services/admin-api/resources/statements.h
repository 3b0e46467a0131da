/* The fixed SQL of this folder by name; a test prepares each on both databases. */
#ifndef LC_ADMIN_RESOURCES_STATEMENTS_H
#define LC_ADMIN_RESOURCES_STATEMENTS_H

#include "shared/db/db.h"

enum resource_statement_id {
#define STATEMENT(id, params, columns, sql) RESOURCE_##id,
#include "services/admin-api/resources/statements.def"
#undef STATEMENT
    RESOURCE_STATEMENT_COUNT
};

extern const struct db_statement resource_statements[RESOURCE_STATEMENT_COUNT];

#define resource_statement(id) (&resource_statements[RESOURCE_##id])

#endif
