/* Migrations: numbered scripts, each once, each in a transaction, one process at a time; see db.h. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "shared/db/core.h"

static const char table[] = "CREATE TABLE IF NOT EXISTS schema_migrations ("
                            "number BIGINT PRIMARY KEY, name TEXT NOT NULL, time_applied BIGINT NOT NULL)";

static const struct db_statement newest = {
    "migration_newest", "SELECT number, name FROM schema_migrations ORDER BY number DESC LIMIT 1", "", "is"};
static const struct db_statement find = {"migration_find", "SELECT number FROM schema_migrations WHERE number = $1",
                                         "i", "i"};
static const struct db_statement insert = {
    "migration_insert", "INSERT INTO schema_migrations (number, name, time_applied) VALUES ($1, $2, $3)", "isi", ""};

static const struct db_statement touch = {"migration_touch",
                                          "UPDATE schema_migrations SET number = number WHERE number = 1", "", ""};

struct run {
    const struct db_migration *migrations, *current;
    size_t count;
    int64_t at; /* the newest that the database has */
    char *why;
    size_t why_size;
};

static int read_newest(const struct db_rows *r, void *arg)
{
    struct run *run = arg;
    int64_t known = run->count == 0 ? 0 : run->migrations[run->count - 1].number;
    run->at = db_int(r, 0);
    if (run->at <= known)
        return 0;
    snprintf(run->why, run->why_size,
             "the database is at migration %lld (%s), newer than this program, which knows %lld: install the newer "
             "release or restore the backup made before it",
             (long long)run->at, db_text(r, 1), (long long)known);
    return -EPROTO;
}

static int check_newer(struct db_conn *c, void *arg)
{
    int err = conn_script(c, table);
    return err < 0 ? err : db_one(c, read_newest, arg, &newest);
}

/* Looked up inside the lock: another process may have been quicker. */
static int apply(struct db_conn *c, void *arg)
{
    struct run *run = arg;
    const struct db_migration *m = run->current;
    struct timespec now;
    int found = db_one(c, NULL, NULL, &find, (int64_t)m->number);
    if (found != 0)
        return found;
    int err = conn_script(c, m->sql);
    if (err < 0)
        return err;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t us = now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
    int64_t n = db_exec(c, &insert, (int64_t)m->number, m->name, us);
    return n < 0 ? (int)n : 0;
}

static int run_all(struct db_conn *c, struct run *run)
{
    int err = transaction_run(c, DB_BEGIN_MIGRATION, check_newer, run);
    if (err < 0 && err != -EPROTO)
        snprintf(run->why, run->why_size, "the table of migrations: %s", db_error(c));
    for (size_t i = 0; i < run->count && err >= 0; ++i) {
        run->current = &run->migrations[i];
        err = transaction_run(c, DB_BEGIN_MIGRATION, apply, run);
        if (err < 0)
            snprintf(run->why, run->why_size, "migration %04d_%s: %s", run->current->number, run->current->name,
                     db_error(c));
    }
    return err < 0 ? err : 0;
}

int db_migrated(struct db *db, const struct db_migration *migrations, size_t count, int *at, char *why, size_t why_size)
{
    struct db_conn *c = NULL;
    struct run run = {.migrations = migrations, .count = count, .why = why, .why_size = why_size};
    char missing[sizeof(c->fault.error) + 32];
    int err = conn_acquire(db, &c, why, why_size);
    *at = 0;
    if (err < 0)
        return err;
    /* Without the table there was none yet; what else is wrong, connecting said. */
    if (db_prepare_all(c, &newest, 1, missing, sizeof(missing)) == 0)
        err = db_one(c, read_newest, &run, &newest);
    *at = (int)run.at;
    if (err < 0 && err != -EPROTO)
        snprintf(why, why_size, "the table of migrations: %s", db_error(c));
    db_release(c);
    return err < 0 ? err : 0;
}

int db_migrate(struct db *db, const struct db_migration *migrations, size_t count, char *why, size_t why_size)
{
    struct db_conn *c = NULL;
    struct run run = {.migrations = migrations, .count = count, .why = why, .why_size = why_size};
    int err = conn_acquire(db, &c, why, why_size);
    if (err < 0)
        return err;
    err = run_all(c, &run);
    db_release(c);
    return err;
}

int db_try_write(struct db *db, char *why, size_t why_size)
{
    struct db_conn *c = NULL;
    int err = conn_acquire(db, &c, why, why_size);
    if (err < 0)
        return err;
    int64_t n = db_exec(c, &touch);
    if (n < 0)
        snprintf(why, why_size, "it cannot be written: %s", db_error(c));
    db_release(c);
    return n < 0 ? (int)n : 0;
}

int db_intact(struct db *db, int64_t most, char *why, size_t why_size)
{
    struct db_conn *c = NULL;
    if (db->driver->intact == NULL || (most > 0 && db->driver->size(db->place) > most))
        return 0;
    int err = conn_acquire(db, &c, why, why_size);
    if (err < 0)
        return err;
    err = db->driver->intact(c->link);
    if (err < 0)
        snprintf(why, why_size, "%s", db_error(c));
    db_release(c);
    return err;
}

int db_writable(struct db *db)
{
    char why[sizeof(((struct db_fault *)NULL)->error) + 32];
    int err = db->driver->disk == NULL ? 0 : db->driver->disk(db->place);
    int refused = atomic_load(&db->refused);
    if (err < 0 || refused == 0)
        return err;
    return db_try_write(db, why, sizeof(why)) == 0 ? 0 : refused;
}
