/* What every test of shared/db starts from: a fresh database on the server that the program was built for. */
#ifndef LC_TESTS_DB_SUITE_H
#define LC_TESTS_DB_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/db/db.h"

enum { TIMEOUT_MS = 60000 }; /* where none is expected, on however busy a machine */

/* Of the fixture (sqlite_fixture.c or postgres_fixture.c). */
extern const char *const fixture_dialect;
int fixture_start(void **state); /* group set-up and tear-down */
int fixture_stop(void **state);
void fixture_fresh(char *url, size_t size); /* the URL of a new, empty database */

/* Asserts that it opens. */
struct db *open_fresh(void);
struct db *open_shipped(void); /* with the migrations that admin-api ships */
void migrate_shipped(struct db *db);
struct db *open_url(const char *url, unsigned connections, unsigned timeout_ms);
/* Opens and closes: 0, or db_open's error. */
int try_open(const char *url, bool exclusive, char *why, size_t why_size);
/* Asserts that it is refused with one line that has the words, and not "s3cr3t", the password of such tests. */
void assert_refused(const char *url, int expected, const char *words);
struct db_conn *borrow(struct db *db);
/* Runs constant SQL without values; asserts that it goes well. */
void must_run(struct db_conn *c, const char *sql);
/* Column `column` of every row of "prefix sql", a line each. */
void read_plan(struct db_conn *c, const char *prefix, const char *sql, const struct db_value *values, size_t count,
               int column, char *plan, size_t size);
/* The one integer of a SELECT. */
int64_t number_of(struct db_conn *c, const char *sql);
void make_temporary_directory(char *path, size_t size); /* open to the server's user */
void remove_tree(const char *path);

/* How the database would run it, one text; after its statistics are what they are in service. */
void fixture_settle(struct db_conn *c);
void fixture_plan(struct db_conn *c, const char *sql, const struct db_value *values, size_t count, char *plan,
                  size_t size);

extern const struct CMUnitTest value_tests[], transaction_tests[], migration_tests[], plan_tests[];
extern const size_t value_test_count, transaction_test_count, migration_test_count, plan_test_count;

/* Runs the shared tests and the program's own. */
int run_suite(const char *name, const struct CMUnitTest *own, size_t own_count);

#endif
