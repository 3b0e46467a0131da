/* Commit, rollback, and writers that collide: every increment arrives on both databases. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "tests/unit/db/suite.h"

static const struct db_statement insert = {"insert", "INSERT INTO counters (name, n) VALUES ($1, $2)", "si", ""};
static const struct db_statement read_n = {"read_n", "SELECT n FROM counters WHERE name = $1", "s", "i"};
static const struct db_statement write_n = {"write_n", "UPDATE counters SET n = $1 WHERE name = $2", "is", ""};

static struct db *open_counters(void)
{
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db);
    must_run(c, "CREATE TABLE counters (name TEXT PRIMARY KEY, n BIGINT NOT NULL)");
    must_run(c, "INSERT INTO counters VALUES ('a', 0), ('b', 0)");
    db_release(c);
    return db;
}

static int64_t total(struct db *db)
{
    struct db_conn *c = borrow(db);
    int64_t n = number_of(c, "SELECT sum(n) FROM counters");
    db_release(c);
    return n;
}

static int add_ten(struct db_conn *c, void *arg)
{
    const int *result = arg;
    assert_int_equal(db_exec(c, &write_n, INT64_C(10), "a"), 1);
    assert_int_equal(number_of(c, "SELECT sum(n) FROM counters"), 10);
    return *result;
}

static void commit_and_rollback(void **state)
{
    struct db *db = open_counters();
    struct db_conn *c = borrow(db);
    (void)state;
    assert_int_equal(db_transaction(c, add_ten, &(int){-ECANCELED}), -ECANCELED);
    assert_int_equal(total(db), 0);
    assert_int_equal(db_transaction(c, add_ten, &(int){3}), 3);
    assert_int_equal(total(db), 10);
    db_release(c);
    db_close(db);
}

static int swallow_conflict(struct db_conn *c, void *arg)
{
    (void)arg;
    assert_int_equal(db_exec(c, &write_n, INT64_C(10), "b"), 1);
    assert_int_equal(db_exec(c, &insert, "a", INT64_C(1)), -EEXIST);
    assert_int_equal(db_exec(c, &write_n, INT64_C(20), "b"), -EEXIST); /* nothing runs after the first error */
    return 0;
}

static void failed_transaction_cannot_commit(void **state)
{
    struct db *db = open_counters();
    struct db_conn *c = borrow(db);
    (void)state;
    assert_int_equal(db_transaction(c, swallow_conflict, NULL), -EEXIST);
    assert_string_equal(db_conflict(c), "counters.name");
    assert_int_equal(total(db), 0);
    assert_int_equal(db_transaction(c, add_ten, &(int){0}), 0);
    db_release(c);
    db_close(db);
}

static struct db_rows *forgotten;

static int forget_rows(struct db_conn *c, void *arg)
{
    (void)arg;
    assert_int_equal(db_exec(c, &write_n, INT64_C(5), "a"), 1);
    assert_int_equal(db_query_values(c, &forgotten, "SELECT n FROM counters", NULL, 0), 0);
    assert_int_equal(db_step(forgotten), 1);
    return 0;
}

static void rows_left_open_do_not_hold_the_transaction(void **state)
{
    struct db *db = open_counters();
    struct db_conn *c = borrow(db);
    (void)state;
    assert_int_equal(db_transaction(c, forget_rows, NULL), 0);
    db_rows_free(forgotten);
    assert_int_equal(total(db), 5);
    db_release(c);
    db_close(db);
}

enum { WRITERS = 3, ROUNDS = 40 };

struct writer {
    struct db *db;
    atomic_int failures, runs;
};

static int read_int(const struct db_rows *r, void *arg)
{
    *(int64_t *)arg = db_int(r, 0);
    return 0;
}

/* Reads, then writes what it read plus one: lost by anything weaker than serialized writers. */
static int increment(struct db_conn *c, void *arg)
{
    struct writer *w = arg;
    int64_t n = 0;
    atomic_fetch_add(&w->runs, 1);
    int found = db_one(c, read_int, &n, &read_n, "a");
    if (found < 0)
        return found;
    int64_t changed = db_exec(c, &write_n, n + 1, "a");
    return changed < 0 ? (int)changed : 0;
}

static void *on_writer(void *arg)
{
    struct writer *w = arg;
    for (int i = 0; i < ROUNDS; ++i) {
        struct db_conn *c = NULL;
        if (db_acquire(w->db, &c) < 0 || db_transaction(c, increment, w) < 0)
            atomic_fetch_add(&w->failures, 1);
        db_release(c);
    }
    return NULL;
}

static void every_increment_arrives(void **state)
{
    struct writer w = {.db = open_counters()};
    pthread_t threads[WRITERS];
    (void)state;
    for (int i = 0; i < WRITERS; ++i)
        assert_int_equal(pthread_create(&threads[i], NULL, on_writer, &w), 0);
    for (int i = 0; i < WRITERS; ++i)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&w.failures), 0);
    assert_int_equal(total(w.db), WRITERS * ROUNDS);
    assert_true(atomic_load(&w.runs) >= WRITERS * ROUNDS);
    db_close(w.db);
}

static void *on_late_writer(void *arg)
{
    struct writer *w = arg;
    struct db_conn *c = borrow(w->db);
    if (db_transaction(c, increment, w) < 0)
        atomic_fetch_add(&w->failures, 1);
    db_release(c);
    return NULL;
}

struct collision {
    struct writer *other;
    pthread_t thread;
    int runs;
};

/* In the first run another writer starts between the read and the write; where the two cannot be interleaved
 * (sqlite) it waits, where they can (PostgreSQL) ours must be run again. */
static int collide(struct db_conn *c, void *arg)
{
    struct collision *col = arg;
    int64_t n = 0;
    int found = db_one(c, read_int, &n, &read_n, "a");
    if (++col->runs == 1) {
        assert_int_equal(pthread_create(&col->thread, NULL, on_late_writer, col->other), 0);
        if (strcmp(fixture_dialect, "sqlite") != 0)
            pthread_join(col->thread, NULL);
    }
    int64_t changed = found < 0 ? found : db_exec(c, &write_n, n + 1, "a");
    return changed < 0 ? (int)changed : 0;
}

static void collision_is_run_again(void **state)
{
    struct writer other = {.db = open_counters()};
    struct collision col = {.other = &other};
    struct db_conn *c = borrow(other.db);
    (void)state;
    assert_int_equal(db_transaction(c, collide, &col), 0);
    if (strcmp(fixture_dialect, "sqlite") == 0)
        pthread_join(col.thread, NULL);
    assert_int_equal(col.runs, strcmp(fixture_dialect, "sqlite") == 0 ? 1 : 2);
    assert_int_equal(total(other.db), 2);
    assert_int_equal(atomic_load(&other.failures), 0);
    db_release(c);
    db_close(other.db);
}

/* Two that take the same two rows in opposite orders. On PostgreSQL each waits, with its first row in hand, until the
 * other has one too, so that they lock each other out and one must run again; on sqlite they queue. */
struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t came;
    int arrived;
};

struct crossing {
    struct meeting *meeting;
    struct db *db;
    const char *first, *second;
    int runs, result;
};

static void meet(struct meeting *m)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&m->lock);
    ++m->arrived;
    pthread_cond_broadcast(&m->came);
    while (m->arrived < 2 && pthread_cond_timedwait(&m->came, &m->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&m->lock);
}

static int cross(struct db_conn *c, void *arg)
{
    static const struct db_statement up = {"up", "UPDATE counters SET n = n + 1 WHERE name = $1", "s", ""};
    struct crossing *x = arg;
    int64_t done = db_exec(c, &up, x->first);
    if (++x->runs == 1 && strcmp(fixture_dialect, "sqlite") != 0)
        meet(x->meeting);
    if (done >= 0)
        done = db_exec(c, &up, x->second);
    return done < 0 ? (int)done : 0;
}

static void *on_crossing(void *arg)
{
    struct crossing *x = arg;
    struct db_conn *c = borrow(x->db);
    x->result = db_transaction(c, cross, x);
    db_release(c);
    return NULL;
}

static void opposite_orders(void **state)
{
    struct meeting m = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    struct db *db = open_counters();
    struct crossing one = {.meeting = &m, .db = db, .first = "a", .second = "b"};
    struct crossing two = {.meeting = &m, .db = db, .first = "b", .second = "a"};
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, on_crossing, &one), 0);
    on_crossing(&two);
    pthread_join(thread, NULL);
    assert_int_equal(one.result, 0);
    assert_int_equal(two.result, 0);
    assert_int_equal(total(db), 4);
    assert_true(one.runs + two.runs >= (strcmp(fixture_dialect, "sqlite") == 0 ? 2 : 3));
    db_close(db);
}

const struct CMUnitTest transaction_tests[] = {
    cmocka_unit_test(commit_and_rollback),
    cmocka_unit_test(failed_transaction_cannot_commit),
    cmocka_unit_test(rows_left_open_do_not_hold_the_transaction),
    cmocka_unit_test(every_increment_arrives),
    cmocka_unit_test(collision_is_run_again),
    cmocka_unit_test(opposite_orders),
};
const size_t transaction_test_count = sizeof(transaction_tests) / sizeof(transaction_tests[0]);
