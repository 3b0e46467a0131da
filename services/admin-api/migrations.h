/* The numbered files of migrations/<dialect>/, embedded at build, for db_migrate. */
#ifndef LC_ADMIN_MIGRATIONS_H
#define LC_ADMIN_MIGRATIONS_H

#include "shared/db/db.h"

/* Of db_dialect(), sorted by number, static; NULL and 0 for a dialect that has none. Any thread. */
const struct db_migration *admin_migrations(const char *dialect, size_t *count);

#endif
