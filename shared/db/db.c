/* The core: connections, arguments, transactions. No word of SQL but BEGIN's companions; see db.h and driver.h. */
#include "shared/db/db.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "shared/db/driver.h"

#define MAX_PARAMS        32
#define TRANSACTION_TRIES 10

static const struct db_driver *const drivers[] = {&sqlite_driver};

int64_t db_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- opening and connections --- */

static struct db *db_new(const struct db_driver *driver, const struct db_options *options)
{
    pthread_condattr_t attr;
    struct db *db = calloc(1, sizeof(*db));
    if (db == NULL)
        return NULL;
    db->driver = driver;
    db->options = *options;
    pthread_mutex_init(&db->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&db->returned, &attr);
    pthread_condattr_destroy(&attr);
    return db;
}

int db_open(const char *url, const struct db_options *options, struct db **out, char *why, size_t why_size)
{
    const struct db_driver *driver = NULL;
    struct db_conn *first = NULL;

    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); ++i)
        if (drivers[i]->claims(url))
            driver = drivers[i];
    if (driver == NULL) {
        snprintf(why, why_size, "give sqlite:///path");
        return -EINVAL;
    }
    struct db *db = db_new(driver, options);
    if (db == NULL)
        return -ENOMEM;
    int err = driver->open(db, url, why, why_size);
    if (err == 0)
        err = driver->connect(db, &first, why, why_size);
    if (err < 0) {
        db_close(db);
        return err;
    }
    db->idle = first;
    db->count = 1;
    *out = db;
    return 0;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    while (db->idle != NULL) {
        struct db_conn *c = db->idle;
        db->idle = c->next;
        db->driver->disconnect(c);
    }
    db->driver->close(db);
    pthread_cond_destroy(&db->returned);
    pthread_mutex_destroy(&db->lock);
    free(db);
}

const char *db_dialect(const struct db *db)
{
    return db->driver->dialect;
}

/* With the lock held: waits for a place or an idle connection. */
static int wait_for_place(struct db *db)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += db->options.statement_timeout_ms / 1000 + 1;
    while (db->idle == NULL && db->count >= db->options.connections)
        if (pthread_cond_timedwait(&db->returned, &db->lock, &until) != 0)
            return -ETIMEDOUT;
    return 0;
}

/* 100 ms, 200, … 5 s after failures in a row: a database that comes back is not met by a storm. */
static void note_failure(struct db *db, bool failed)
{
    unsigned shift = db->failures < 6 ? db->failures : 6;
    int64_t pause = 100 << shift;
    db->failures = failed ? db->failures + 1 : 0;
    db->not_before = failed ? db_clock_ms() + (pause < 5000 ? pause : 5000) : 0;
}

int db_acquire(struct db *db, struct db_conn **out)
{
    char why[256];
    pthread_mutex_lock(&db->lock);
    int err = wait_for_place(db);
    struct db_conn *c = err == 0 ? db->idle : NULL;
    if (c != NULL) {
        db->idle = c->next;
    } else if (err == 0 && db_clock_ms() < db->not_before) {
        err = -ENOTCONN;
    } else if (err == 0) {
        ++db->count;
        pthread_mutex_unlock(&db->lock);
        err = db->driver->connect(db, &c, why, sizeof(why));
        pthread_mutex_lock(&db->lock);
        note_failure(db, err < 0);
        if (err < 0) {
            --db->count;
            pthread_cond_signal(&db->returned);
        }
    }
    pthread_mutex_unlock(&db->lock);
    if (err == 0)
        *out = c;
    return err;
}

void db_release(struct db_conn *c)
{
    if (c == NULL)
        return;
    struct db *db = c->db;
    if (c->in_transaction && !c->broken && db->driver->script(c, "ROLLBACK") < 0)
        c->broken = true;
    c->in_transaction = false;
    pthread_mutex_lock(&db->lock);
    if (c->broken) {
        --db->count;
    } else {
        c->next = db->idle;
        db->idle = c;
    }
    pthread_cond_signal(&db->returned);
    pthread_mutex_unlock(&db->lock);
    if (c->broken)
        db->driver->disconnect(c);
}

const char *db_conflict(const struct db_conn *c)
{
    return c->conflict;
}

const char *db_error(const struct db_conn *c)
{
    return c->error;
}

/* --- statements --- */

static struct db_value text_value(const char *text)
{
    if (text == NULL)
        return (struct db_value){.kind = DB_NULL};
    return (struct db_value){.kind = DB_TEXT, .bytes = text, .len = strlen(text)};
}

/* What the letters of st->params say, taken from the arguments. */
static size_t gather(const struct db_statement *st, va_list args, struct db_value values[MAX_PARAMS])
{
    size_t n = 0;
    for (const char *p = st->params; *p != '\0' && n < MAX_PARAMS; ++p, ++n) {
        const int64_t *nullable;
        const void *bytes;
        switch (*p) {
        case 's':
            values[n] = text_value(va_arg(args, const char *));
            break;
        case 'b':
            bytes = va_arg(args, const void *);
            values[n] = (struct db_value){.kind = bytes == NULL ? DB_NULL : DB_BLOB, .bytes = bytes};
            values[n].len = va_arg(args, size_t);
            break;
        case 'n':
            nullable = va_arg(args, const int64_t *);
            values[n] = (struct db_value){.kind = nullable == NULL ? DB_NULL : DB_INT,
                                          .integer = nullable == NULL ? 0 : *nullable};
            break;
        default:
            values[n] = (struct db_value){.kind = DB_INT, .integer = va_arg(args, int64_t)};
        }
    }
    return n;
}

static int start(struct db_conn *c, struct db_rows **out, const struct db_statement *st, const char *sql,
                 const struct db_value *values, size_t count)
{
    *out = NULL;
    if (c->broken)
        return -ENOTCONN;
    c->error[0] = c->conflict[0] = '\0';
    c->deadline_ms = db_clock_ms() + c->db->options.statement_timeout_ms;
    return c->db->driver->query(c, out, st, sql, values, count);
}

static int64_t run_out(struct db_rows *r)
{
    int more;
    while ((more = db_step(r)) == 1)
        ;
    int64_t result = more < 0 ? more : r->changed;
    db_rows_free(r);
    return result;
}

int64_t db_exec(struct db_conn *c, const struct db_statement *st, ...)
{
    struct db_value values[MAX_PARAMS];
    struct db_rows *r;
    va_list args;
    va_start(args, st);
    size_t n = gather(st, args, values);
    va_end(args);
    int err = start(c, &r, st, st->sql, values, n);
    return err < 0 ? err : run_out(r);
}

int db_query(struct db_conn *c, struct db_rows **out, const struct db_statement *st, ...)
{
    struct db_value values[MAX_PARAMS];
    va_list args;
    va_start(args, st);
    size_t n = gather(st, args, values);
    va_end(args);
    return start(c, out, st, st->sql, values, n);
}

int db_query_values(struct db_conn *c, struct db_rows **out, const char *sql, const struct db_value *values,
                    size_t count)
{
    return start(c, out, NULL, sql, values, count);
}

int64_t db_exec_values(struct db_conn *c, const char *sql, const struct db_value *values, size_t count)
{
    struct db_rows *r;
    int err = start(c, &r, NULL, sql, values, count);
    return err < 0 ? err : run_out(r);
}

int db_one(struct db_conn *c, int (*read)(const struct db_rows *r, void *arg), void *arg, const struct db_statement *st,
           ...)
{
    struct db_value values[MAX_PARAMS];
    struct db_rows *r;
    va_list args;
    va_start(args, st);
    size_t n = gather(st, args, values);
    va_end(args);
    int err = start(c, &r, st, st->sql, values, n);
    if (err < 0)
        return err;
    int found = db_step(r);
    if (found == 1 && read != NULL && (err = read(r, arg)) < 0)
        found = err;
    if (found == 1 && (err = (int)(db_step(r) < 0 ? -EIO : 0)) < 0)
        found = err;
    db_rows_free(r);
    return found;
}

int db_step(struct db_rows *r)
{
    return r->conn->db->driver->step(r);
}

void db_rows_free(struct db_rows *r)
{
    if (r != NULL)
        r->conn->db->driver->rows_free(r);
}

static struct db_value column_of(const struct db_rows *r, int column)
{
    struct db_value v = {.kind = DB_NULL};
    r->conn->db->driver->column(r, column, &v);
    return v;
}

bool db_is_null(const struct db_rows *r, int column)
{
    return column_of(r, column).kind == DB_NULL;
}

int64_t db_int(const struct db_rows *r, int column)
{
    return column_of(r, column).integer;
}

const char *db_text(const struct db_rows *r, int column)
{
    return column_of(r, column).bytes;
}

const void *db_blob(const struct db_rows *r, int column, size_t *len)
{
    struct db_value v = column_of(r, column);
    *len = v.len;
    return v.bytes;
}

/* --- transactions --- */

static void pause_before(int try)
{
    unsigned noise = 0;
    if (getrandom(&noise, sizeof(noise), 0) < 0)
        noise = 0;
    unsigned most = 1000u << (try < 7 ? try : 7); /* microseconds */
    int64_t us = most / 2 + noise % most;
    struct timespec wait = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&wait, NULL);
}

static int attempt(struct db_conn *c, int (*body)(struct db_conn *c, void *arg), void *arg)
{
    const struct db_driver *driver = c->db->driver;
    int err = driver->script(c, driver->begin);
    if (err < 0)
        return err;
    c->in_transaction = true;
    int result = body(c, arg);
    err = result < 0 ? result : driver->script(c, "COMMIT");
    if (err < 0) {
        char error[sizeof(c->error)], conflict[sizeof(c->conflict)];
        memcpy(error, c->error, sizeof(error));
        memcpy(conflict, c->conflict, sizeof(conflict));
        if (!c->broken && driver->script(c, "ROLLBACK") < 0 && err == -ENOTCONN)
            c->broken = true;
        memcpy(c->error, error, sizeof(error)); /* of the cause, not of the rollback */
        memcpy(c->conflict, conflict, sizeof(conflict));
    }
    c->in_transaction = false;
    return err < 0 ? err : result;
}

int db_transaction(struct db_conn *c, int (*body)(struct db_conn *c, void *arg), void *arg)
{
    int result = -EBUSY;
    for (int try = 0; try < TRANSACTION_TRIES && result == -EBUSY; ++try) {
        if (try > 0)
            pause_before(try);
        if (c->broken)
            return -ENOTCONN;
        c->error[0] = c->conflict[0] = '\0';
        c->deadline_ms = db_clock_ms() + c->db->options.statement_timeout_ms;
        result = attempt(c, body, arg);
    }
    return result;
}

int db_prepare_all(struct db_conn *c, const struct db_statement *statements, size_t count, char *why, size_t why_size)
{
    for (size_t i = 0; i < count; ++i) {
        int err = c->db->driver->prepare(c, statements + i);
        if (err < 0) {
            snprintf(why, why_size, "%s: %s", statements[i].name, c->error);
            return err;
        }
    }
    return 0;
}
