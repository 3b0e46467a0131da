/* The database before it is opened; see look.h. */
#include "services/admin-api/look.h"

#include <errno.h>
#include <stdio.h>

#include "services/admin-api/migrations.h"
#include "shared/db/db.h"

#define REASON 480

/* A table that only 0.1.0 has. */
static const struct db_statement of_old = {"look.of_0_1_0", "SELECT 1 FROM collector_platform", "", "i"};

static int look_for_old(struct db *db, char *why, size_t why_size)
{
    char missing[REASON];
    struct db_conn *c = NULL;
    int err = db_acquire(db, &c);

    snprintf(why, why_size, "the database cannot be read");
    if (err == 0 && db_prepare_all(c, &of_old, 1, missing, sizeof(missing)) == 0) {
        snprintf(why, why_size,
                 "this is the database of Logs Collector 0.1.0, which is left as it is: name another one, then take "
                 "this one over with admin-api import-django --db FILE|URL --media DIR");
        err = -EEXIST;
    }
    db_release(c);
    return err;
}

/* "wp_links, wp_options, wp_posts and 9 more"; how many. */
static int name_others(struct db_conn *c, const char *tables, char names[REASON / 2])
{
    struct db_rows *rows = NULL;
    int count = 0, more, err = db_query_values(c, &rows, tables, NULL, 0);
    size_t len = 0;

    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1)
        if (++count <= 3)
            len += (size_t)snprintf(names + len, REASON / 2 - len, "%s%.40s", count > 1 ? ", " : "", db_text(rows, 0));
    db_rows_free(rows);
    if (count > 3)
        snprintf(names + len, REASON / 2 - len, " and %d more", count - 3);
    return more < 0 ? more : count;
}

static int look_for_others(struct db *db, char *why, size_t why_size)
{
    char names[REASON / 2];
    struct db_conn *c = NULL;
    int count = db_acquire(db, &c);

    if (count == 0)
        count = name_others(c, db_tables(db), names);
    db_release(c);
    if (count < 0)
        snprintf(why, why_size, "the database cannot be read");
    if (count <= 0)
        return count;
    snprintf(why, why_size,
             "this is the database of another program (its tables: %s), which is left as it is: name another file, "
             "which need not exist yet, or at a server a database or a schema that is for Logs Collector alone",
             names);
    return -EEXIST;
}

static int look_for_ours(struct db *db, enum database_state *state, char *why, size_t why_size)
{
    size_t count;
    int at = 0;
    const struct db_migration *steps = admin_migrations(db_dialect(db), &count);
    int err = db_migrated(db, steps, count, &at, why, why_size);

    *state = at == 0 ? DATABASE_EMPTY : at < steps[count - 1].number ? DATABASE_OLDER : DATABASE_OURS;
    return err;
}

/* Tables that were not ours a moment ago may be by now: another admin-api makes them. */
static int look(struct db *db, enum database_state *state, char *why, size_t why_size)
{
    int err = look_for_ours(db, state, why, why_size);

    if (err < 0 || *state != DATABASE_EMPTY)
        return err;
    err = look_for_old(db, why, why_size);
    if (err == 0)
        err = look_for_others(db, why, why_size);
    if (err != -EEXIST)
        return err;
    int again = look_for_ours(db, state, why, why_size);
    return again < 0 ? again : *state == DATABASE_EMPTY ? -EEXIST : 0;
}

int database_look(const struct admin_config *config, enum database_state *state, char *why, size_t why_size)
{
    const struct db_options options = {
        .connections = 1, .statement_timeout_ms = (unsigned)config->statement_timeout, .read_only = true};
    char reason[REASON] = "";
    struct db *db = NULL;
    int err = db_open(config->db_url, &options, &db, reason, sizeof(reason));

    *state = DATABASE_MISSING;
    if (err == 0)
        err = look(db, state, reason, sizeof(reason));
    else if (err == -ENOENT)
        err = 0;
    if (err < 0)
        snprintf(why, why_size, "DB_URL: %s", reason);
    db_close(db);
    return err;
}

const char *database_state_text(enum database_state state)
{
    static const char *const texts[] = {[DATABASE_MISSING] = "not there yet: serve or migrate makes it",
                                        [DATABASE_EMPTY] = "empty: serve or migrate makes its tables",
                                        [DATABASE_OLDER] =
                                            "of an older release: serve or migrate brings it to this one",
                                        [DATABASE_OURS] = ""};
    return texts[state];
}
