/*
 * Between the database core and its drivers. What the two databases do differently is said here and nowhere else.
 * Errors are those of db.h; a driver leaves its server's words in conn->error and the violated constraint in
 * conn->conflict.
 */
#ifndef LC_SHARED_DB_DRIVER_H
#define LC_SHARED_DB_DRIVER_H

#include <pthread.h>

#include "shared/db/db.h"

struct db_driver {
    const char *dialect;
    /* Is that URL this driver's? */
    bool (*claims)(const char *url);
    /* Checks the place, keeps what connects need in db->place. */
    int (*open)(struct db *db, const char *url, char *why, size_t why_size);
    void (*close)(struct db *db);
    int (*connect)(struct db *db, struct db_conn **out, char *why, size_t why_size);
    void (*disconnect)(struct db_conn *c);
    /* `st` NULL: text not known before. The rows free themselves on error. */
    int (*query)(struct db_conn *c, struct db_rows **out, const struct db_statement *st, const char *sql,
                 const struct db_value *values, size_t count);
    int (*step)(struct db_rows *r); /* 1, 0 or negative; at 0 r->changed is set */
    void (*rows_free)(struct db_rows *r);
    void (*column)(const struct db_rows *r, int column, struct db_value *out);
    int (*script)(struct db_conn *c, const char *sql); /* statements without parameters, several at once */
    const char *begin;                                 /* a writing transaction */
    /* Keeps other processes from migrating until the connection is released (a transaction's own lock may do). */
    const char *lock_migrations, *unlock_migrations; /* NULL: begin is lock enough */
    int (*prepare)(struct db_conn *c, const struct db_statement *st);
};

extern const struct db_driver sqlite_driver;

struct db {
    const struct db_driver *driver;
    struct db_options options;
    void *place; /* the driver's */
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct db_conn *idle;
    unsigned count;     /* connections that exist */
    unsigned failures;  /* to connect, in a row */
    int64_t not_before; /* milliseconds (monotonic): no connect before then */
};

struct db_conn {
    struct db *db;
    struct db_conn *next;
    bool broken; /* is not to be used again */
    bool in_transaction;
    int64_t deadline_ms; /* of the running statement, monotonic */
    char error[256], conflict[128];
};

struct db_rows {
    struct db_conn *conn;
    int64_t changed;
};

int64_t db_clock_ms(void); /* monotonic */

#endif
