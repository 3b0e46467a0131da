/* Helpers of the suite; the tests are in *_tests.c and run on both databases. */
#include "tests/unit/db/suite.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/admin-api/migrations.h"

struct db *open_url(const char *url, unsigned connections, unsigned timeout_ms)
{
    struct db_options options = {.connections = connections, .statement_timeout_ms = timeout_ms};
    char why[512] = "";
    struct db *db = NULL;
    if (db_open(url, &options, &db, why, sizeof(why)) < 0)
        fail_msg("db_open: %s", why);
    return db;
}

struct db *open_fresh(void)
{
    char url[512];
    fixture_fresh(url, sizeof(url));
    return open_url(url, 4, TIMEOUT_MS);
}

struct db *open_shipped(void)
{
    struct db *db = open_fresh();
    migrate_shipped(db);
    return db;
}

void migrate_shipped(struct db *db)
{
    char why[512] = "";
    size_t count = 0;
    const struct db_migration *shipped = admin_migrations(db_dialect(db), &count);
    if (db_migrate(db, shipped, count, why, sizeof(why)) < 0)
        fail_msg("%s", why);
}

int try_open(const char *url, bool exclusive, char *why, size_t why_size)
{
    struct db_options options = {.connections = 1, .statement_timeout_ms = TIMEOUT_MS, .exclusive = exclusive};
    struct db *db = NULL;
    int err = db_open(url, &options, &db, why, why_size);
    db_close(db);
    return err;
}

void assert_refused(const char *url, int expected, const char *words)
{
    char why[512] = "";
    int err = try_open(url, false, why, sizeof(why));
    if (err != expected || strstr(why, words) == NULL || strstr(why, "s3cr3t") != NULL || strchr(why, '\n') != NULL)
        fail_msg("%s: %d: %s", url, err, why);
}

struct db_conn *borrow(struct db *db)
{
    struct db_conn *c = NULL;
    assert_int_equal(db_acquire(db, &c), 0);
    return c;
}

void must_run(struct db_conn *c, const char *sql)
{
    int64_t done = db_exec_values(c, sql, NULL, 0);
    if (done < 0)
        fail_msg("%s: %s (%d)", sql, db_error(c), (int)done);
}

static int read_number(const struct db_rows *r, void *arg)
{
    *(int64_t *)arg = db_int(r, 0);
    return 0;
}

int64_t number_of(struct db_conn *c, const char *sql)
{
    const struct db_statement st = {"number_of", sql, "", "i"};
    int64_t number = 0;
    int found = db_one(c, read_number, &number, &st);
    if (found != 1)
        fail_msg("%s: %s (%d)", sql, db_error(c), found);
    return number;
}

void read_plan(struct db_conn *c, const char *prefix, const char *sql, const struct db_value *values, size_t count,
               int column, char *plan, size_t size)
{
    struct db_rows *r = NULL;
    char *text = NULL;
    size_t n = 0;
    int more;
    assert_true(asprintf(&text, "%s %s", prefix, sql) > 0);
    if (db_query_values(c, &r, text, values, count) < 0)
        fail_msg("%s: %s", text, db_error(c));
    plan[0] = '\0';
    while ((more = db_step(r)) == 1 && n < size)
        n += (size_t)snprintf(plan + n, size - n, "%s\n", db_text(r, column));
    assert_int_equal(more, 0);
    db_rows_free(r);
    free(text);
}

void make_temporary_directory(char *path, size_t size)
{
    snprintf(path, size, "/tmp/lc-db-XXXXXX");
    assert_non_null(mkdtemp(path));
    assert_int_equal(chmod(path, 0777), 0);
}

static int on_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void remove_tree(const char *path)
{
    nftw(path, on_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int run_suite(const char *name, const struct CMUnitTest *own, size_t own_count)
{
    const struct {
        const struct CMUnitTest *tests;
        size_t count;
    } groups[] = {{value_tests, value_test_count},
                  {transaction_tests, transaction_test_count},
                  {migration_tests, migration_test_count},
                  {plan_tests, plan_test_count},
                  {own, own_count}};
    struct CMUnitTest all[128];
    size_t n = 0;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); ++i) {
        memcpy(all + n, groups[i].tests, groups[i].count * sizeof(all[0]));
        n += groups[i].count;
    }
    return _cmocka_run_group_tests(name, all, n, fixture_start, fixture_stop);
}
