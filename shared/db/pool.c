/*
 * Opening a database and lending its connections: at most so many, made when first needed, reconnected with backoff.
 * Knows no SQL and no dialect.
 */
#include "shared/clock/clock.h"
#include "shared/db/core.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MOST_MS = 5000 };

static const struct db_driver *const drivers[] = {&db_sqlite, &db_postgres};

int db_fault_set(struct db_fault *f, int err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(f->error, sizeof(f->error), format, args);
    va_end(args);
    size_t len = strlen(f->error);
    while (len > 0 && f->error[len - 1] == '\n')
        f->error[--len] = '\0';
    for (size_t i = 0; i < len; ++i) {
        if (f->error[i] == '\n' || f->error[i] == '\t' || f->error[i] == '\r')
            f->error[i] = ' ';
    }
    return err;
}

static const struct db_driver *driver_of(const char *url)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); ++i) {
        for (const char *const *scheme = drivers[i]->schemes; *scheme != NULL; ++scheme) {
            if (strncmp(url, *scheme, strlen(*scheme)) == 0)
                return drivers[i];
        }
    }
    return NULL;
}

static int make_pool(struct db *db)
{
    unsigned n = db->options.connections;

    db->conns = calloc(n, sizeof(*db->conns));
    db->idle = calloc(n, sizeof(*db->idle));
    db->counts = counts_new();
    if (db->conns == NULL || db->idle == NULL || db->counts == NULL)
        return -ENOMEM;
    pthread_mutex_init(&db->lock, NULL);
    clock_cond_init(&db->freed);
    for (unsigned i = 0; i < n; ++i) {
        db->conns[i].db = db;
        db->idle[i] = &db->conns[n - 1 - i];
    }
    db->idle_count = n;
    return 0;
}

int db_open(const char *url, const struct db_options *options, struct db **out, char *why, size_t why_size)
{
    struct db *db = calloc(1, sizeof(*db));
    if (db == NULL)
        return -ENOMEM;
    db->options = *options;
    if (db->options.connections == 0)
        db->options.connections = 1;
    if (db->options.statement_timeout_ms == 0)
        db->options.statement_timeout_ms = 10000;

    int err = make_pool(db);
    if (err == 0 && (db->driver = driver_of(url)) == NULL) {
        snprintf(why, why_size,
                 "the database URL must begin with sqlite:///, psql:// or postgresql://, such as "
                 "sqlite:////var/lib/logs-collector/db.sqlite3 or postgresql://user:password@host/name");
        err = -EINVAL;
    }
    if (err == 0)
        err = db->driver->open(url, &db->options, &db->place, why, why_size);
    if (err == 0)
        err = db_ping(db, why, why_size);
    if (err < 0) {
        if (err == -ENOMEM)
            snprintf(why, why_size, "out of memory");
        db_close(db);
        return err;
    }
    *out = db;
    return 0;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    for (unsigned i = 0; db->conns != NULL && i < db->options.connections; ++i)
        conn_drop_link(&db->conns[i]);
    if (db->place != NULL)
        db->driver->close(db->place);
    if (db->conns != NULL && db->idle != NULL && db->counts != NULL) {
        pthread_cond_destroy(&db->freed);
        pthread_mutex_destroy(&db->lock);
    }
    counts_free(db->counts);
    free(db->conns);
    free(db->idle);
    free(db);
}

const char *db_dialect(const struct db *db)
{
    return db->driver->dialect;
}

const char *db_tables(const struct db *db)
{
    return db->driver->tables;
}

void conn_drop_link(struct db_conn *c)
{
    if (c->link == NULL)
        return;
    c->db->driver->disconnect(c->link);
    c->link = NULL;
    cache_clear(c);
}

/* Whether now is the time for an attempt to connect; while one thread tries, the others are refused at once. */
static bool may_connect(struct db_conn *c)
{
    struct db *db = c->db;
    int64_t now = clock_steady_ms();
    pthread_mutex_lock(&db->lock);
    bool may = db->failures == 0 || now >= db->retry_at_ms;
    if (may && db->failures > 0)
        db->retry_at_ms = now + BACKOFF_MOST_MS;
    if (!may)
        c->fault = db->outage;
    pthread_mutex_unlock(&db->lock);
    return may;
}

static void connect_failed(struct db_conn *c)
{
    struct db *db = c->db;
    pthread_mutex_lock(&db->lock);
    unsigned doublings = db->failures < 6 ? db->failures : 6;
    int64_t wait = (int64_t)BACKOFF_FIRST_MS << doublings;
    if (wait > BACKOFF_MOST_MS)
        wait = BACKOFF_MOST_MS;
    ++db->failures;
    db->retry_at_ms = clock_steady_ms() + wait / 2 + (int64_t)arc4random_uniform((uint32_t)(wait / 2 + 1));
    db->outage = c->fault;
    pthread_mutex_unlock(&db->lock);
}

int conn_ensure_link(struct db_conn *c)
{
    struct db *db = c->db;
    if (c->link != NULL && !db->driver->is_alive(c->link))
        conn_drop_link(c);
    if (c->link != NULL)
        return 0;
    if (!may_connect(c))
        return -ENOTCONN;
    int err = db->driver->connect(db->place, &c->fault, &c->link);
    if (err < 0) {
        connect_failed(c);
        return err;
    }
    pthread_mutex_lock(&db->lock);
    db->failures = 0;
    pthread_mutex_unlock(&db->lock);
    return 0;
}

static struct db_conn *take_idle(struct db *db)
{
    struct timespec deadline = clock_steady_in(db->options.statement_timeout_ms);
    struct db_conn *c = NULL;

    pthread_mutex_lock(&db->lock);
    while (db->idle_count == 0) {
        if (pthread_cond_timedwait(&db->freed, &db->lock, &deadline) == ETIMEDOUT && db->idle_count == 0)
            break;
    }
    if (db->idle_count > 0)
        c = db->idle[--db->idle_count];
    pthread_mutex_unlock(&db->lock);
    return c;
}

int conn_acquire(struct db *db, struct db_conn **out, char *why, size_t why_size)
{
    struct db_conn *c = take_idle(db);
    if (c == NULL) {
        snprintf(why, why_size, "all %u connections to the database are in use", db->options.connections);
        return -ETIMEDOUT;
    }
    int err = conn_ensure_link(c);
    if (err < 0) {
        snprintf(why, why_size, "%s", c->fault.error);
        db_release(c);
        return err;
    }
    *out = c;
    return 0;
}

int db_acquire(struct db *db, struct db_conn **out)
{
    char why[64];
    int err = conn_acquire(db, out, why, sizeof(why));
    return err == 0 || err == -ETIMEDOUT || err == -ENOMEM ? err : -ENOTCONN;
}

void db_release(struct db_conn *c)
{
    if (c == NULL)
        return;
    struct db *db = c->db;
    conn_end_open(c);
    pthread_mutex_lock(&db->lock);
    db->idle[db->idle_count++] = c;
    pthread_cond_signal(&db->freed);
    pthread_mutex_unlock(&db->lock);
}

int db_ping(struct db *db, char *why, size_t why_size)
{
    static const struct db_statement ping = {"ping", "SELECT 1", "", "i"};
    struct db_conn *c = NULL;
    int err = conn_acquire(db, &c, why, why_size);
    if (err < 0)
        return err;
    int64_t done = db_exec(c, &ping);
    if (done < 0)
        snprintf(why, why_size, "%s", db_error(c));
    db_release(c);
    return done < 0 ? (int)done : 0;
}
