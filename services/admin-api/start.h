/*
 * What a running admin-api is made of, opened in order and closed in reverse. Main thread only, before and after all
 * others.
 */
#ifndef LC_ADMIN_START_H
#define LC_ADMIN_START_H

#include <stdbool.h>
#include <stddef.h>

#include "services/admin-api/admin.h"

struct opened;

/* No I/O yet. `config` outlives it. 0, or negative with one line in `why`. */
int opened_new(const struct admin_config *config, struct opened **out, char *why, size_t why_size)
    __attribute__((warn_unused_result));
void opened_free(struct opened *o);
const struct admin *opened_admin(const struct opened *o);

/* Opens the database and brings it to this version; refuses to make one for a DATA_DIR that is another's. `exclusive`:
 * as the process that serves (shared/db/db.h). */
int opened_database(struct opened *o, bool exclusive, char *why, size_t why_size) __attribute__((warn_unused_result));
/* The same though DATA_DIR is another's: without this one a new database would be refused. */
int opened_any_database(struct opened *o, bool exclusive, char *why, size_t why_size)
    __attribute__((warn_unused_result));
/* Refuses a SECRET_KEY that is not the database's; marks one that has no mark yet. */
int opened_keys(struct opened *o, char *why, size_t why_size) __attribute__((warn_unused_result));
/* Takes the addresses to serve at, or inherits them: before Redis is told anything, as whoever serves there already may
 * have another database. */
int opened_listeners(struct opened *o, char *why, size_t why_size) __attribute__((warn_unused_result));
/* Opens DATA_DIR, which must be the database's; refuses a Redis of the wrong kind, one that is away is only said in the
 * log. */
int opened_stores(struct opened *o, char *why, size_t why_size) __attribute__((warn_unused_result));

/* Database, keys, stores: for commands that may be dry runs instead. */
int opened_all(struct opened *o, char *why, size_t why_size) __attribute__((warn_unused_result));
/* To look at what is there: the database as it is, or none (opened_admin()->db stays NULL) where there is none yet. */
int opened_dry_run(struct opened *o, char *why, size_t why_size) __attribute__((warn_unused_result));

/* Reads ADMIN_WEB_DIR. Pages missing where nobody named a directory are only said in the log. */
int opened_site(struct opened *o, char *why, size_t why_size) __attribute__((warn_unused_result));

/* For `check`: 0, perhaps with a remark in `why`, or negative with one line in it. Nothing is changed. */
int opened_check_database(struct opened *o, char *why, size_t why_size) __attribute__((warn_unused_result));
int opened_check_redis(struct opened *o, char *why, size_t why_size) __attribute__((warn_unused_result));
int opened_check_storage(struct opened *o, char *why, size_t why_size) __attribute__((warn_unused_result));

#endif
