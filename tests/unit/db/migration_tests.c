/* Migrations: once, in order, by one process at a time, whole or not at all; and the ones that admin-api ships. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "services/admin-api/migrations.h"
#include "tests/unit/db/suite.h"

static const struct db_migration steps[] = {
    {1, "first", "CREATE TABLE a (n BIGINT NOT NULL); INSERT INTO a VALUES (1);"},
    {2, "second", "-- a comment; with a semicolon\nINSERT INTO a VALUES (2);\nCREATE TABLE b (n BIGINT);\n"},
    {3, "broken", "INSERT INTO a VALUES (3); INSERT INTO nowhere VALUES (1);"},
};

static void twice(void **state)
{
    struct db *db = open_fresh();
    char why[512] = "";
    (void)state;
    assert_int_equal(db_migrate(db, steps, 1, why, sizeof(why)), 0);
    assert_int_equal(db_migrate(db, steps, 2, why, sizeof(why)), 0);
    assert_int_equal(db_migrate(db, steps, 2, why, sizeof(why)), 0);
    struct db_conn *c = borrow(db);
    assert_int_equal(number_of(c, "SELECT sum(n) FROM a"), 3);
    assert_int_equal(number_of(c, "SELECT count(*) FROM schema_migrations WHERE time_applied > 1600000000000000"), 2);
    db_release(c);
    db_close(db);
}

static void broken_one_leaves_nothing(void **state)
{
    struct db *db = open_fresh();
    char why[512] = "";
    (void)state;
    assert_true(db_migrate(db, steps, 3, why, sizeof(why)) < 0);
    assert_non_null(strstr(why, "0003_broken"));
    assert_non_null(strstr(why, "nowhere"));
    struct db_conn *c = borrow(db);
    assert_int_equal(number_of(c, "SELECT sum(n) FROM a"), 3);
    assert_int_equal(number_of(c, "SELECT max(number) FROM schema_migrations"), 2);
    db_release(c);
    db_close(db);
}

static void newer_is_refused(void **state)
{
    struct db *db = open_fresh();
    char why[512] = "";
    (void)state;
    assert_int_equal(db_migrate(db, steps, 2, why, sizeof(why)), 0);
    assert_int_equal(db_migrate(db, steps, 1, why, sizeof(why)), -EPROTO);
    assert_non_null(strstr(why, "newer"));
    assert_non_null(strstr(why, "2 (second)"));
    db_close(db);
}

static int migrate_as_process(const char *url, int wait_fd)
{
    struct db_options options = {.connections = 1, .statement_timeout_ms = TIMEOUT_MS};
    char why[512] = "", byte;
    struct db *db = NULL;
    if (read(wait_fd, &byte, 1) != 0) /* the parent closes its end: all start at once */
        return 1;
    int err = db_open(url, &options, &db, why, sizeof(why));
    if (err == 0)
        err = db_migrate(db, steps, 2, why, sizeof(why));
    db_close(db);
    if (err < 0)
        fprintf(stderr, "%s\n", why);
    return err < 0;
}

static void processes_at_once(void **state)
{
    enum { PROCESSES = 4 };
    pid_t pids[PROCESSES];
    char url[512];
    int gate[2];
    (void)state;
    fixture_fresh(url, sizeof(url));
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < PROCESSES; ++i) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            close(gate[1]);
            _exit(migrate_as_process(url, gate[0]));
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < PROCESSES; ++i) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    struct db *db = open_url(url, 1, TIMEOUT_MS);
    struct db_conn *c = borrow(db);
    assert_int_equal(number_of(c, "SELECT sum(n) FROM a"), 3);
    assert_int_equal(number_of(c, "SELECT count(*) FROM schema_migrations"), 2);
    db_release(c);
    db_close(db);
}

static void what_admin_api_ships(void **state)
{
    size_t count = 0, other = 1;
    const struct db_migration *shipped = admin_migrations(fixture_dialect, &count);
    (void)state;
    assert_non_null(shipped);
    for (size_t i = 0; i < count; ++i)
        assert_int_equal(shipped[i].number, i + 1);
    assert_null(admin_migrations("oracle", &other));
    assert_int_equal(other, 0);
    struct db *db = open_shipped();
    struct db_conn *c = borrow(db);
    must_run(c, "INSERT INTO platforms (name, pretty_name) VALUES ('p', 'P')");
    assert_int_equal(db_exec_values(c,
                                    "INSERT INTO tickets (number, platform_id, token_hash, token_sealed, time_create, "
                                    "time_update) SELECT 7, id, 'h', $1, 1, 1 FROM platforms",
                                    &(struct db_value){.kind = DB_BLOB, .bytes = "sealed", .len = 6}, 1),
                     1);
    assert_int_equal(db_exec_values(c, "UPDATE tickets SET attempts = 11", NULL, 0), -ENOKEY);
    assert_int_equal(number_of(c, "SELECT count(*) FROM tickets WHERE rev > projected_rev"), 1);
    must_run(c, "DELETE FROM platforms");
    assert_int_equal(number_of(c, "SELECT count(*) FROM tickets"), 0);
    db_release(c);
    db_close(db);
}

static const struct db_statement statements[] = {
#define STATEMENT(id, given, gives, text) {.name = #id, .sql = (text), .params = (given), .columns = (gives)},
#include "services/admin-api/import/statements.def"
#include "services/admin-api/resources/statements.def"
#include "services/admin-api/scan/statements.def"
#include "services/admin-api/security/statements.def"
#include "services/admin-api/storage/statements.def"
#include "services/admin-api/webhooks/statements.def"
#undef STATEMENT
};
enum { STATEMENT_TABLES = 6 }; /* included above */

/* Against the schema that is shipped, with the types and number of their parameters and columns. */
static void every_statement_of_admin_api(void **state)
{
    struct db *db = open_shipped();
    struct db_conn *c = borrow(db);
    char why[512] = "";
    glob_t tables;
    (void)state;
    if (db_prepare_all(c, statements, sizeof(statements) / sizeof(statements[0]), why, sizeof(why)) < 0)
        fail_msg("%s", why);
    assert_int_equal(glob(ADMIN_SOURCES "/*/statements.def", 0, NULL, &tables), 0);
    assert_int_equal(tables.gl_pathc, STATEMENT_TABLES);
    globfree(&tables);
    db_release(c);
    db_close(db);
}

static void migrate(struct db *db, size_t count) /* 0: all of them */
{
    char why[512] = "";
    size_t all;
    const struct db_migration *shipped = admin_migrations(db_dialect(db), &all);
    assert_int_equal(db_migrate(db, shipped, count == 0 ? all : count, why, sizeof(why)), 0);
}

/* A database of so many migrations with a platform and tickets of the numbers that a SELECT gives as n; to be released. */
static struct db_conn *open_older(struct db *db, size_t migrations, const char *numbers, int64_t tickets)
{
    const struct db_value sealed = {.kind = DB_BLOB, .bytes = "sealed", .len = 6};
    char sql[512];
    migrate(db, migrations);
    struct db_conn *c = borrow(db);
    must_run(c, "INSERT INTO platforms (name, pretty_name) VALUES ('p', '')");
    snprintf(sql, sizeof(sql),
             "INSERT INTO tickets (number, platform_id, token_hash, token_sealed, time_create, time_update) SELECT n, 1, "
             "'hash' || n, $1, 0, 0 FROM (%s) numbers",
             numbers);
    assert_int_equal(db_exec_values(c, sql, &sealed, 1), tickets);
    return c;
}

/* Tickets that were there before the table of suffixes are found by their digits too. */
static void suffixes_of_older_tickets(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c = open_older(db, 1, "SELECT 12 AS n UNION ALL SELECT 123 UNION ALL SELECT -4567", 3);
    (void)state;
    migrate(db, 0);
    assert_int_equal(number_of(c, "SELECT count(*) FROM ticket_suffixes"), 2 + 3 + 5);
    assert_int_equal(
        number_of(
            c, "SELECT count(*) FROM ticket_suffixes WHERE suffix IN ('123', '-4567', '4567', '567') AND repeated = 0"),
        4);
    /* And the triggers keep them, many at once. */
    must_run(
        c, "UPDATE tickets SET number = CASE number WHEN 12 THEN 6789 WHEN 123 THEN 12 ELSE number END, rev = rev + 1");
    assert_int_equal(number_of(c, "SELECT count(*) FROM ticket_suffixes"), 4 + 2 + 5);
    assert_int_equal(number_of(c, "SELECT count(*) FROM ticket_suffixes WHERE suffix IN ('123', '23', '3')"), 0);
    must_run(c, "DELETE FROM tickets WHERE number < 100");
    assert_int_equal(number_of(c, "SELECT count(*) FROM ticket_suffixes"), 4);
    must_run(c, "DELETE FROM platforms");
    assert_int_equal(number_of(c, "SELECT count(*) FROM ticket_suffixes"), 0);
    db_release(c);
    db_close(db);
}

static void put_archives(struct db_conn *c, const char *numbers)
{
    char sql[512];
    snprintf(sql, sizeof(sql),
             "INSERT INTO archives (ticket_id, upload_id, name, size, sha256, time_create) SELECT t.id, 'upload' || n, "
             "'name' || n, n * 10, '', n FROM (%s) numbers JOIN tickets t ON t.number = 12 + n %% 2",
             numbers);
    must_run(c, sql);
}

/* What is kept of a ticket's archives and of pieces of numbers is what counting would give. */
static void assert_counted(struct db_conn *c, int64_t archives)
{
    static const char sums[] =
        "SELECT count(*) FROM tickets t WHERE archive_count <> (SELECT count(*) FROM archives a WHERE a.ticket_id = "
        "t.id) "
        "OR archive_bytes <> (SELECT coalesce(sum(size), 0) FROM archives a WHERE a.ticket_id = t.id) OR "
        "coalesce(last_archive, -1) <> coalesce((SELECT max(a.time_create) FROM archives a WHERE a.ticket_id = t.id), "
        "-1)";
    static const char pieces[] =
        "SELECT count(*) FROM (SELECT piece, sum(tickets) AS number FROM ticket_pieces GROUP BY piece) kept WHERE "
        "number <> "
        "(SELECT count(*) FROM tickets t WHERE CAST(t.number AS TEXT) LIKE '%' || piece || '%')";
    assert_int_equal(number_of(c, sums), 0);
    assert_int_equal(number_of(c, "SELECT coalesce(sum(archive_count), 0) FROM tickets"), archives);
    assert_int_equal(number_of(c, pieces), 0);
}

static void counts_of_older_tickets(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c =
        open_older(db, 6, "SELECT 12 AS n UNION ALL SELECT 13 UNION ALL SELECT -4747 UNION ALL SELECT 1111", 4);
    (void)state;
    put_archives(c, "SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3");
    migrate(db, 0);
    assert_counted(c, 3);
    assert_int_equal(number_of(c, "SELECT sum(tickets) FROM ticket_pieces WHERE piece = '47'"), 1);
    assert_int_equal(number_of(c, "SELECT sum(tickets) FROM ticket_pieces WHERE piece = '1'"), 3);
    put_archives(c, "SELECT 4 AS n UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7");
    assert_counted(c, 7);
    must_run(
        c, "UPDATE archives SET ticket_id = (SELECT id FROM tickets WHERE number = 1111) WHERE time_create IN (4, 7)");
    must_run(c, "UPDATE archives SET size = 1, time_create = 100 WHERE time_create = 5");
    assert_counted(c, 7);
    must_run(c, "UPDATE tickets SET number = 7474 WHERE number = 12");
    must_run(c, "DELETE FROM archives WHERE time_create IN (100, 1)");
    assert_counted(c, 5);
    must_run(c, "DELETE FROM tickets WHERE number = 1111");
    assert_counted(c, 3);
    must_run(c, "DELETE FROM platforms");
    assert_counted(c, 0);
    assert_int_equal(number_of(c, "SELECT coalesce(sum(tickets), 0) FROM ticket_pieces"), 0);
    db_release(c);
    db_close(db);
}

const struct CMUnitTest migration_tests[] = {
    cmocka_unit_test(twice),
    cmocka_unit_test(broken_one_leaves_nothing),
    cmocka_unit_test(newer_is_refused),
    cmocka_unit_test(processes_at_once),
    cmocka_unit_test(what_admin_api_ships),
    cmocka_unit_test(suffixes_of_older_tickets),
    cmocka_unit_test(counts_of_older_tickets),
    cmocka_unit_test(every_statement_of_admin_api),
};
const size_t migration_test_count = sizeof(migration_tests) / sizeof(migration_tests[0]);
