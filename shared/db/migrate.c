/* Migrations: numbered scripts, each once, each in a transaction, one process at a time; see db.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/db/driver.h"

static const struct db_statement newest = {"migrate_newest", "SELECT coalesce(max(number), 0) FROM schema_migrations",
                                           "", "i"};
static const struct db_statement insert = {"migrate_insert",
                                           "INSERT INTO schema_migrations (number, name) VALUES ($1, $2)", "is", ""};

static const char table[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL)";

static int read_int(const struct db_rows *r, void *arg)
{
    *(int64_t *)arg = db_int(r, 0);
    return 0;
}

/* The number is read again inside: another process may have been quicker. */
static int apply(struct db_conn *c, void *arg)
{
    const struct db_migration *m = arg;
    int64_t have = 0;
    int err = db_one(c, read_int, &have, &newest);
    if (err < 0 || have >= m->number)
        return err < 0 ? err : 0;
    err = c->db->driver->script(c, m->sql);
    if (err < 0)
        return err;
    int64_t n = db_exec(c, &insert, (int64_t)m->number, m->name);
    return n < 0 ? (int)n : 0;
}

static int run(struct db_conn *c, const struct db_migration *migrations, size_t count, char *why, size_t why_size)
{
    int64_t have = 0;
    int err = c->db->driver->script(c, table);
    if (err == 0 && (err = db_one(c, read_int, &have, &newest)) > 0)
        err = 0;
    if (err == 0 && count > 0 && have > migrations[count - 1].number) {
        snprintf(why, why_size,
                 "the database is at schema %lld, newer than this program's %d: install the newer release",
                 (long long)have, migrations[count - 1].number);
        return -EPROTO;
    }
    for (size_t i = 0; i < count && err == 0; ++i) {
        struct db_migration m = migrations[i];
        if (m.number > have && (err = db_transaction(c, apply, &m)) < 0)
            snprintf(why, why_size, "migration %s: %.200s", m.name, c->error);
    }
    return err;
}

int db_migrate(struct db *db, const struct db_migration *migrations, size_t count, char *why, size_t why_size)
{
    struct db_conn *c;
    int err = db_acquire(db, &c);
    if (err < 0) {
        snprintf(why, why_size, "the database cannot be reached");
        return err;
    }
    if (db->driver->lock_migrations != NULL)
        err = db->driver->script(c, db->driver->lock_migrations);
    if (err == 0)
        err = run(c, migrations, count, why, why_size);
    if (db->driver->unlock_migrations != NULL && !c->broken)
        (void)db->driver->script(c, db->driver->unlock_migrations); /* the end of the connection unlocks, too */
    if (err < 0 && why[0] == '\0')
        snprintf(why, why_size, "%.200s", c->error);
    db_release(c);
    return err;
}
