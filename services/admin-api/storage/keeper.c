/*
 * The keeper: a thread that sweeps at start, when a gateway wakes it, when a request pokes it, and every sweep_ms.
 * Whatever is away, it tries again and never ends; a change of state is one line in the log.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/storage/internal.h"
#include "shared/log/log.h"
#include "shared/redis/attempts.h"

#define STEP_MS      200 /* between looks at `stopping` and `poked` */
#define RECONCILE_MS 60000

static int subscribe(struct storage *s, bool *subscribed)
{
    const char *argv[] = {"SUBSCRIBE", ATTEMPTS_WAKE};
    int err = 0;
    redisReply *reply = redis_client_command(s->subscriber, 2, argv, NULL, &err);
    *subscribed = reply != NULL && reply->type == REDIS_REPLY_ARRAY;
    if (reply != NULL)
        freeReplyObject(reply);
    return err;
}

static void nap(void)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    nanosleep(&step, NULL);
}

/* Until there is something to do: a wake-up, a poke, the interval or the end. */
static void wait_for_work(struct storage *s, bool *subscribed)
{
    int64_t until = storage_now_ms() + s->options.sweep_ms;
    while (!atomic_load(&s->stopping) && !atomic_exchange(&s->poked, false) && storage_now_ms() < until) {
        int err = -ENOTCONN;
        if (!*subscribed) {
            nap();
            continue;
        }
        redisReply *reply = redis_client_wait(s->subscriber, STEP_MS, &err);
        if (reply != NULL) {
            freeReplyObject(reply);
            return;
        }
        *subscribed = err == -ETIMEDOUT;
    }
}

static int sweep(struct storage *s, struct db_conn *c, struct redis_client *r)
{
    int filed = filing_sweep(s, c, NULL, 0, 0); /* one projection a ticket follows, not one an upload */
    int removed = deletion_sweep(s, c);
    int told = projection_sweep(s, c, r);
    int err = filed < 0 ? filed : removed < 0 ? removed : told;
    if (err == 0 && storage_now_ms() - s->reconciled_ms >= RECONCILE_MS) {
        err = reconcile_sweep(s, c, r);
        s->reconciled_ms = storage_now_ms();
    }
    return err;
}

int storage_sweep(struct storage *s)
{
    struct db_conn *c;
    int err = db_acquire(s->db, &c);
    if (err < 0)
        return err;
    err = sweep(s, c, s->client);
    db_release(c);
    return err;
}

static void note_state(struct storage *s, int err)
{
    if (err == s->last_error)
        return;
    if (err < 0)
        log_warn("sweep.failing", LOG_E(err));
    else
        log_info("sweep.recovered");
    s->last_error = err;
}

static void *keep(void *arg)
{
    struct storage *s = arg;
    bool subscribed = false;
    while (!atomic_load(&s->stopping)) {
        if (!subscribed)
            (void)subscribe(s, &subscribed); /* before the sweep: what is published during it wakes us again */
        int err = storage_sweep(s);
        if (err < 0)
            ADMIN_COUNT(SWEEP_ERRORS);
        note_state(s, err);
        wait_for_work(s, &subscribed);
    }
    return NULL;
}

int storage_keep(struct storage *s)
{
    int err = pthread_create(&s->keeper, NULL, keep, s);
    s->keeping = err == 0;
    return -err;
}

void storage_poke(struct storage *s)
{
    atomic_store(&s->poked, true);
}
