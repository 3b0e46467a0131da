/* Transactions: the body runs until it commits or fails for a reason that another try would not mend. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "shared/clock/clock.h"
#include "shared/db/core.h"

enum { TRIES = 10, PAUSE_FIRST_MS = 2, PAUSE_MOST_MS = 200 };

/* Anywhere up to the full pause: those that collided do not meet again. */
static void pause_after(unsigned tries)
{
    uint32_t most = (uint32_t)PAUSE_FIRST_MS << tries;
    uint32_t us = 500 + arc4random_uniform((most > PAUSE_MOST_MS ? PAUSE_MOST_MS : most) * 1000);
    struct timespec pause = {.tv_nsec = us * 1000L};
    nanosleep(&pause, NULL);
}

/* One try; *is_vain says that another may help. */
static int attempt(struct db_conn *c, enum db_begin kind, int (*body)(struct db_conn *c, void *arg), void *arg,
                   bool *is_vain)
{
    const struct db_driver *driver = c->db->driver;
    int err = driver->begin(c->link, kind);
    if (err < 0) {
        *is_vain = err == -EBUSY;
        return conn_failed(c, err);
    }
    c->in_transaction = true;
    c->failed = 0;
    int result = body(c, arg);
    conn_end_open(c);
    if (result >= 0 && c->failed == 0 && (err = driver->commit(c->link)) < 0)
        (void)conn_failed(c, err);
    else if (result > 0 && c->failed == 0)
        atomic_store_explicit(&c->db->refused, 0, memory_order_relaxed);
    c->in_transaction = false;
    if (result < 0 || c->failed != 0)
        driver->rollback(c->link);
    *is_vain = c->failed == -EBUSY;
    return result < 0 || c->failed == 0 ? result : c->failed;
}

int transaction_run(struct db_conn *c, enum db_begin kind, int (*body)(struct db_conn *c, void *arg), void *arg)
{
    int64_t until = clock_steady_ms() + c->db->options.statement_timeout_ms;
    assert(!c->in_transaction);
    for (unsigned tries = 1;; ++tries) {
        bool is_vain = false;
        int result = conn_check_ready(c);
        if (result == 0)
            result = attempt(c, kind, body, arg, &is_vain);
        if (!is_vain)
            return result;
        if (tries == TRIES || clock_steady_ms() >= until)
            return -EBUSY;
        pause_after(tries);
    }
}

int db_transaction(struct db_conn *c, int (*body)(struct db_conn *c, void *arg), void *arg)
{
    return transaction_run(c, DB_BEGIN_WRITE, body, arg);
}
