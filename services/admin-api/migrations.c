/* Finds the embedded migrations of a dialect. The arrays are made from the files by migrations/embed.cmake. */
#include "services/admin-api/migrations.h"

#include <string.h>

#include "services/admin-api/migrations/migrations_text.h"

const struct db_migration *admin_migrations(const char *dialect, size_t *count)
{
    for (size_t i = 0; i < sizeof(migration_folders) / sizeof(migration_folders[0]); ++i) {
        if (strcmp(migration_folders[i].dialect, dialect) == 0) {
            *count = migration_folders[i].count;
            return migration_folders[i].migrations;
        }
    }
    *count = 0;
    return NULL;
}
