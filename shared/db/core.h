/* What the core's files share: the pool, a borrowed connection and its bounded cache of prepared statements. */
#ifndef LC_SHARED_DB_CORE_H
#define LC_SHARED_DB_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "shared/db/driver.h"

enum {
    CACHE_SIZE = 128,      /* statements per connection; the least recently used goes */
    COUNTS_SIZE = 64,      /* counts remembered per database */
    CACHE_TEXT_MAX = 8192, /* longer texts (long IN lists) are prepared for one use */
};

struct cached {
    struct db_prepared *prepared; /* NULL: a free place */
    char *sql, *letters;
    uint64_t hash, used;
};

struct db_rows {
    struct db_conn *conn;
    struct db_prepared *prepared; /* NULL once ended */
    bool is_single_use, is_held;
    int64_t began_us; /* monotonic, for db_options.observe; 0: told already, or nobody asks */
};

struct db_conn {
    struct db *db;
    struct db_link *link; /* NULL: not connected */
    struct db_fault fault;
    struct db_rows *open;
    bool in_transaction;
    int failed; /* the first error of the transaction */
    uint64_t clock;
    struct cached cache[CACHE_SIZE];
};

struct counts;

struct db {
    const struct db_driver *driver;
    struct db_place *place;
    struct db_options options;
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t freed;
    struct db_conn **idle; /* a stack: the warmest first */
    unsigned idle_count;
    struct db_conn *conns;
    unsigned failures;      /* to connect, in a row */
    int64_t retry_at_ms;    /* no attempt before, while failures > 0 */
    struct db_fault outage; /* words of the last failed attempt */
    struct counts *counts;  /* has a lock of its own */
    _Atomic int refused;    /* -ENOSPC or -EROFS: what the last write said; 0: it was done */
};

/* Connected and alive as far as can be seen, outside a transaction; 0 or -ENOTCONN (or what connecting said). */
int conn_ensure_link(struct db_conn *c);
void conn_drop_link(struct db_conn *c);
/* May a statement run now? 0, or why not: a query is open, the transaction has failed, no link. */
int conn_check_ready(struct db_conn *c);
void conn_end_open(struct db_conn *c); /* the open query, if any; its rows are still the caller's to free */
int conn_script(struct db_conn *c, const char *sql);
int conn_acquire(struct db *db, struct db_conn **out, char *why, size_t why_size);
int transaction_run(struct db_conn *c, enum db_begin kind, int (*body)(struct db_conn *c, void *arg), void *arg);
/* Takes note of an error that a driver returned; returns it. */
int conn_failed(struct db_conn *c, int err);

struct db_prepared *cache_find(struct db_conn *c, const char *sql, const char *letters);
int cache_add(struct db_conn *c, const char *sql, const char *letters, struct db_prepared *prepared);
void cache_clear(struct db_conn *c); /* after the link is gone */

struct counts *counts_new(void);
void counts_free(struct counts *counts);

#endif
