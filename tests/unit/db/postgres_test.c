/* The suite on PostgreSQL, and what only a server has: it goes away, freezes, refuses, and lets writers collide. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/db/postgres.h"
#include "tests/unit/db/cluster.h"
#include "tests/unit/db/schema_tests.h"
#include "tests/unit/db/suite.h"

enum { SKIPPED = 77 };

const char *const fixture_dialect = "postgres";
static int fresh_count;
static char small_disk[128];

int fixture_start(void **state)
{
    (void)state;
    cluster_make();
    /* In a language's order, so that text sorts by bytes only where that was asked for. */
    cluster_run("createdb", "--template=template0", "--locale-provider=icu", "--icu-locale=en-US", "lc", (char *)NULL);
    snprintf(small_disk, sizeof(small_disk), "%s/small", cluster_directory());
    return 0;
}

int fixture_stop(void **state)
{
    (void)state;
    umount2(small_disk, MNT_DETACH); /* if a test left it */
    cluster_remove();
    return 0;
}

static void url_of(char *url, size_t size, const char *database)
{
    snprintf(url, size, "postgresql:///%s?host=%s&user=app", database, cluster_directory());
}

/* A schema is enough and made faster; the URL ends with its options. */
void fixture_fresh(char *url, size_t size)
{
    char sql[64];
    snprintf(sql, sizeof(sql), "CREATE SCHEMA test%d", ++fresh_count);
    cluster_run("psql", "-c", sql, "lc", (char *)NULL);
    snprintf(url, size, "postgresql:///lc?host=%s&user=app&options=-csearch_path%%3Dtest%d", cluster_directory(),
             fresh_count);
}

/* As autovacuum does soon after. */
void fixture_settle(struct db_conn *c)
{
    must_run(c, "VACUUM ANALYZE tickets");
    must_run(c, "VACUUM ANALYZE archives");
    must_run(c, "VACUUM ANALYZE ticket_suffixes");
}

void fixture_plan(struct db_conn *c, const char *sql, const struct db_value *values, size_t count, char *plan,
                  size_t size)
{
    read_plan(c, "EXPLAIN", sql, values, count, 0, plan, size);
}

static void bad_urls(void **state)
{
    char url[256];
    (void)state;
    assert_refused("postgresql://app:s3cr3t@ss@localhost/x", -EINVAL, "%40");
    assert_refused("postgresql://app:pw/s3cr3t@localhost/x", -EINVAL, "%2F");
    assert_refused("psql://app:pw?s3cr3t@localhost/x", -EINVAL, "%3F");
    assert_refused("psql://app:s3cr3t%zz@localhost/x", -EINVAL, "malformed");
    assert_refused("psql://app:s3cr3t/x", -EINVAL, "port"); /* the host was forgotten */
    assert_refused("psql://app:s3cr3t@localhost/x?no_such=1", -EINVAL, "malformed");
    assert_refused("psql://app:s3cr3t@127.0.0.1:1/x", -ENOTCONN, "check host and port");
    assert_refused("psql:///x?host=/nonexistent&password=s3cr3t", -ENOTCONN, "check the socket's directory");
    url_of(url, sizeof(url), "nowhere");
    assert_refused(url, -ENOTCONN, "createdb");
    snprintf(url, sizeof(url), "psql://nobody:s3cr3t@/postgres?host=%s", cluster_directory());
    assert_refused(url, -ENOTCONN, "createuser");
}

/* From the sixth time on the server would take a plan for any values. */
static void plans_know_the_values(void **state)
{
    const struct db_value value = {.kind = DB_INT, .integer = 1};
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db);
    (void)state;
    for (int i = 0; i < 10; ++i) {
        struct db_rows *rows;
        assert_int_equal(db_query_values(c, &rows, "SELECT count(*) FROM pg_class WHERE oid = $1", &value, 1), 0);
        assert_int_equal(db_step(rows), 1);
        db_rows_free(rows);
    }
    assert_int_equal(
        number_of(
            c, "SELECT max(custom_plans) FROM pg_prepared_statements WHERE statement LIKE '%pg_class WHERE oid = %'"),
        10);
    db_release(c);
    db_close(db);
}

static void wrong_encoding(void **state)
{
    char url[256];
    (void)state;
    cluster_run("createdb", "--template=template0", "--encoding=LATIN1", "--locale=C", "latin", (char *)NULL);
    url_of(url, sizeof(url), "latin");
    assert_refused(url, -ENOTCONN, "LATIN1");
}

/* libpq's own failover: the first host that answers and may be written. */
static void several_hosts(void **state)
{
    char url[256];
    (void)state;
    snprintf(url, sizeof(url), "psql://app@/postgres?host=/nonexistent,%s&target_session_attrs=read-write",
             cluster_directory());
    struct db *db = open_url(url, 1, TIMEOUT_MS);
    char why[256] = "";
    assert_int_equal(db_ping(db, why, sizeof(why)), 0);
    db_close(db);
}

/* --- the server goes away --- */

static void make_one(struct db_conn *c)
{
    must_run(c, "CREATE TABLE t (n BIGINT)");
    must_run(c, "INSERT INTO t VALUES (1)");
}

/* Until a statement on a connection that was kept works again; what fails meanwhile says that the database is away. */
static void wait_until_works(struct db_conn *c)
{
    for (int tries = 0; tries < 2000; ++tries) {
        int64_t done = db_exec_values(c, "UPDATE t SET n = n", NULL, 0);
        if (done == 1)
            return;
        assert_int_equal(done, -ENOTCONN);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    fail_msg("it never works again: %s", db_error(c));
}

static void comes_back(void (*end)(void))
{
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db), *other = NULL;
    char why[512] = "";
    make_one(c);
    end();
    assert_int_equal(db_exec_values(c, "UPDATE t SET n = 2", NULL, 0), -ENOTCONN);
    assert_int_equal(db_acquire(db, &other), -ENOTCONN);
    assert_null(other);
    assert_int_equal(db_ping(db, why, sizeof(why)), -ENOTCONN);
    assert_non_null(strstr(why, "PostgreSQL"));
    cluster_start();
    wait_until_works(c);
    assert_int_equal(db_ping(db, why, sizeof(why)), 0);
    assert_int_equal(number_of(c, "SELECT n FROM t"), 1);
    db_release(c);
    db_close(db);
}

static void restarted_server(void **state)
{
    (void)state;
    comes_back(cluster_stop);
}

static void crashed_server(void **state)
{
    (void)state;
    comes_back(cluster_kill);
}

/* A restart between two statements is not even noticed. */
static void restart_while_idle(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db);
    (void)state;
    make_one(c);
    cluster_stop();
    cluster_start();
    assert_int_equal(db_exec_values(c, "UPDATE t SET n = 2", NULL, 0), 1);
    db_release(c);
    db_close(db);
}

static int die_inside(struct db_conn *c, void *arg)
{
    (void)arg;
    must_run(c, "UPDATE t SET n = 7");
    cluster_kill();
    int64_t done = db_exec_values(c, "UPDATE t SET n = 8", NULL, 0);
    assert_int_equal(done, -ENOTCONN);
    return (int)done;
}

static void crash_in_a_transaction(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db);
    (void)state;
    make_one(c);
    assert_int_equal(db_transaction(c, die_inside, NULL), -ENOTCONN);
    cluster_start();
    wait_until_works(c);
    assert_int_equal(number_of(c, "SELECT n FROM t"), 1);
    db_release(c);
    db_close(db);
}

static void crash_while_rows_stream(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db);
    struct db_rows *r = NULL;
    int more;
    (void)state;
    make_one(c);
    assert_int_equal(db_query_values(c, &r, "SELECT generate_series(1, 10000000)", NULL, 0), 0);
    assert_int_equal(db_step(r), 1);
    cluster_kill();
    while ((more = db_step(r)) == 1)
        ;
    assert_int_equal(more, -ENOTCONN);
    assert_int_equal(db_step(r), 0);
    db_rows_free(r);
    cluster_start();
    wait_until_works(c);
    db_release(c);
    db_close(db);
}

static struct db_rows *ask_few(struct db_conn *c, const char *sql)
{
    struct db_rows *r = NULL;
    assert_int_equal(db_query_few(c, &r, sql, NULL, 0), 0);
    return r;
}

static void held_rows_leave_the_connection_free(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db);
    (void)state;
    struct db_rows *r = ask_few(c, "SELECT n, 'row ' || n FROM generate_series(1, 500) n");
    assert_int_equal(db_hold(r), 500);
    struct db_rows *same = ask_few(c, "SELECT n, 'row ' || n FROM generate_series(1, 500) n");
    db_seek(r, 499);
    assert_int_equal(db_int(r, 0), 500);
    assert_int_equal(db_hold(same), 500);
    db_seek(r, 0);
    assert_string_equal(db_text(r, 1), "row 1");
    db_rows_free(same);
    struct db_rows *none = ask_few(c, "SELECT 1 WHERE 1 = 2");
    assert_int_equal(db_hold(none), 0);
    db_rows_free(none);
    cluster_kill();
    assert_int_equal(db_exec_values(c, "SELECT 1", NULL, 0), -ENOTCONN);
    db_release(c);
    db_seek(r, 41);
    assert_string_equal(db_text(r, 1), "row 42");
    db_rows_free(r);
    cluster_start();
    db_close(db);
}

static void rows_that_fail_are_not_held(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db);
    (void)state;
    struct db_rows *r = ask_few(c, "SELECT 100 / (400 - n) FROM generate_series(1, 500) n");
    assert_int_equal(db_hold(r), -ENOKEY);
    assert_int_equal(db_step(r), 0);
    db_rows_free(r);
    assert_int_equal(number_of(c, "SELECT 42"), 42);
    db_release(c);
    db_close(db);
}

static void frozen_server(void **state)
{
    char url[512];
    struct db_rows *r = NULL;
    (void)state;
    fixture_fresh(url, sizeof(url));
    struct db *db = open_url(url, 2, 300);
    struct db_conn *c = borrow(db), *streaming = borrow(db);
    make_one(c);
    assert_int_equal(db_query_values(streaming, &r, "SELECT generate_series(1, 10000000)", NULL, 0), 0);
    assert_int_equal(db_step(r), 1);
    cluster_freeze();
    assert_int_equal(db_exec_values(c, "UPDATE t SET n = 2", NULL, 0), -ETIMEDOUT);
    db_rows_free(r);                                                 /* does not wait for the rest */
    int64_t done = db_exec_values(c, "UPDATE t SET n = 2", NULL, 0); /* connecting ends in time, too */
    cluster_thaw();
    assert_int_equal(done, -ENOTCONN);
    wait_until_works(c);
    db_release(c);
    db_release(streaming);
    db_close(db);
}

/* --- one session spoils another's --- */

static void ended_session(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db), *killer = borrow(db);
    (void)state;
    make_one(c);
    must_run(killer, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() "
                     "AND pid <> pg_backend_pid()");
    assert_int_equal(number_of(c, "SELECT n FROM t"), 1);
    db_release(c);
    db_release(killer);
    db_close(db);
}

static void changed_columns(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db), *other = borrow(db);
    (void)state;
    must_run(other, "CREATE TABLE t (n INTEGER)");
    must_run(other, "INSERT INTO t VALUES (1)");
    assert_int_equal(number_of(c, "SELECT n FROM t"), 1);
    must_run(other, "ALTER TABLE t ALTER COLUMN n TYPE BIGINT");
    assert_int_equal(db_exec_values(c, "SELECT n FROM t", NULL, 0), -EBUSY);
    assert_int_equal(number_of(c, "SELECT n FROM t"), 1);
    db_release(c);
    db_release(other);
    db_close(db);
}

/* READ COMMITTED would see the second row, and count twice. */
static int sees_one_moment(struct db_conn *c, void *arg)
{
    int64_t before = number_of(c, "SELECT count(*) FROM t");
    must_run(arg, "INSERT INTO t VALUES (2)");
    assert_int_equal(number_of(c, "SELECT count(*) FROM t"), before);
    return 0;
}

static void transaction_sees_one_moment(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db), *other = borrow(db);
    (void)state;
    make_one(c);
    assert_int_equal(db_transaction(c, sees_one_moment, other), 0);
    db_release(c);
    db_release(other);
    db_close(db);
}

static void waiting_for_a_lock_ends(void **state)
{
    char url[512];
    (void)state;
    fixture_fresh(url, sizeof(url));
    struct db *db = open_url(url, 2, 300);
    struct db_conn *c = borrow(db), *other = borrow(db);
    make_one(c);
    must_run(c, "BEGIN");
    must_run(c, "LOCK TABLE t");
    assert_int_equal(db_exec_values(other, "UPDATE t SET n = 2", NULL, 0), -ETIMEDOUT);
    must_run(c, "COMMIT");
    assert_int_equal(db_exec_values(other, "UPDATE t SET n = 2", NULL, 0), 1);
    db_release(c);
    db_release(other);
    db_close(db);
}

static void read_only_server(void **state)
{
    char url[512];
    (void)state;
    fixture_fresh(url, sizeof(url));
    strncat(url, "%20-cdefault_transaction_read_only%3Don", sizeof(url) - strlen(url) - 1);
    struct db *db = open_url(url, 1, TIMEOUT_MS);
    struct db_conn *c = borrow(db);
    assert_int_equal(db_exec_values(c, "CREATE TABLE t (n BIGINT)", NULL, 0), -EROFS);
    assert_int_equal(number_of(c, "SELECT 1"), 1);
    db_release(c);
    db_close(db);
}

static int fill_in_transaction(struct db_conn *c, void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; ++i) {
        int64_t done =
            db_exec_values(c, "INSERT INTO small SELECT md5(g::text) FROM generate_series(1, 10000) g", NULL, 0);
        if (done < 0)
            return (int)done;
    }
    return 0;
}

static void full_disk(void **state)
{
    char sql[256];
    (void)state;
    assert_int_equal(mkdir(small_disk, 0777), 0);
    if (mount("tmpfs", small_disk, "tmpfs", 0, "size=2m,mode=0777") < 0) {
        print_message("no right to mount a small tmpfs: skipped\n");
        if (getenv("CI") != NULL)
            fail();
        skip();
    }
    const struct passwd *owner = getpwnam("nobody");
    assert_non_null(owner);
    assert_int_equal(chown(small_disk, owner->pw_uid, owner->pw_gid), 0);
    snprintf(sql, sizeof(sql), "CREATE TABLESPACE small LOCATION '%s'", small_disk);
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db);
    must_run(c, sql);
    must_run(c, "CREATE TABLE small (t TEXT) TABLESPACE small");
    int err = db_transaction(c, fill_in_transaction, NULL);
    int64_t rows = number_of(c, "SELECT count(*) FROM small");
    must_run(c, "DROP TABLE small");
    must_run(c, "DROP TABLESPACE small");
    db_release(c);
    db_close(db);
    assert_int_equal(umount2(small_disk, MNT_DETACH), 0);
    assert_int_equal(err, -ENOSPC);
    assert_int_equal(rows, 0);
}

/* --- values --- */

static void integers_of_every_type(void **state)
{
    static const struct {
        const char *sql;
        int64_t value;
    } cases[] = {
        {"SELECT 7::smallint", 7},
        {"SELECT -7::integer", -7},
        {"SELECT true", 1},
        {"SELECT 1 > 2", 0},
        {"SELECT 0::numeric", 0},
        {"SELECT 12345678901234.99::numeric", INT64_C(12345678901234)},
        {"SELECT -9223372036854775808::numeric", INT64_MIN},
        {"SELECT 9223372036854775808::numeric", INT64_MAX},
        {"SELECT 100000000::numeric", 100000000},
        {"SELECT 0.0001::numeric", 0},
        {"SELECT NULL::bigint", 0},
    };
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db);
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        int64_t n = number_of(c, cases[i].sql);
        if (n != cases[i].value)
            fail_msg("%s: %lld", cases[i].sql, (long long)n);
    }
    assert_int_equal(db_exec_values(c, "SELECT 1.5::float8", NULL, 0), -EIO);
    assert_non_null(strstr(db_error(c), "cast it"));
    assert_int_equal(number_of(c, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT 1.5%'"), 0);
    db_release(c);
    db_close(db);
}

static void placeholders_are_counted(void **state)
{
    (void)state;
    assert_true(postgres_has_placeholders("SELECT 1", 0));
    assert_true(postgres_has_placeholders("SELECT $1, $2 + $1", 2));
    assert_true(postgres_has_placeholders("SELECT '$3', \"$4\", $1 -- $5\n", 1));
    assert_true(postgres_has_placeholders("SELECT 'it''s $2', $1 -- '", 1));
    assert_false(postgres_has_placeholders("SELECT $1", 0));
    assert_false(postgres_has_placeholders("SELECT $1", 2));
    assert_false(postgres_has_placeholders("SELECT $2", 1));
    assert_false(postgres_has_placeholders("SELECT $1, $3", 2));
    assert_false(postgres_has_placeholders("SELECT $0", 1));
    assert_false(postgres_has_placeholders("SELECT $99999999999999999999", 1));
}

static void invalid_text(void **state)
{
    const struct db_value value = {.kind = DB_TEXT, .bytes = "\xff\xfe", .len = 2};
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db);
    (void)state;
    assert_int_equal(db_exec_values(c, "SELECT $1 || ''", &value, 1), -ENOKEY);
    assert_int_equal(number_of(c, "SELECT 1"), 1);
    db_release(c);
    db_close(db);
}

static const struct CMUnitTest own_tests[] = {
    cmocka_unit_test(bad_urls),
    cmocka_unit_test(wrong_encoding),
    cmocka_unit_test(plans_know_the_values),
    cmocka_unit_test(several_hosts),
    cmocka_unit_test(restarted_server),
    cmocka_unit_test(crashed_server),
    cmocka_unit_test(restart_while_idle),
    cmocka_unit_test(crash_in_a_transaction),
    cmocka_unit_test(crash_while_rows_stream),
    cmocka_unit_test(held_rows_leave_the_connection_free),
    cmocka_unit_test(rows_that_fail_are_not_held),
    cmocka_unit_test(frozen_server),
    cmocka_unit_test(ended_session),
    cmocka_unit_test(changed_columns),
    cmocka_unit_test(transaction_sees_one_moment),
    cmocka_unit_test(waiting_for_a_lock_ends),
    cmocka_unit_test(read_only_server),
    cmocka_unit_test(full_disk),
    cmocka_unit_test(integers_of_every_type),
    cmocka_unit_test(placeholders_are_counted),
    cmocka_unit_test(invalid_text),
    cmocka_unit_test(dialects_have_one_schema),
};

int main(void)
{
    if (!cluster_is_installed()) {
        printf("skipped: PostgreSQL is not installed (package postgresql)\n");
        return getenv("CI") != NULL ? EXIT_FAILURE : SKIPPED;
    }
    return run_suite("db on PostgreSQL", own_tests, sizeof(own_tests) / sizeof(own_tests[0]));
}
