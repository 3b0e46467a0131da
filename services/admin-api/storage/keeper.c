/*
 * The keeper: a thread that sweeps at start, when a gateway wakes it, when a request pokes it, and every sweep_ms.
 * Whatever is away, it tries again and never ends; a change of state is one line in the log.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/storage/internal.h"
#include "shared/clock/clock.h"
#include "shared/log/log.h"
#include "shared/redis/attempts.h"
#include "shared/redis/reply.h"

#define STEP_MS      200   /* between looks at `stopping` and `poked` */
#define RECONCILE_MS 60000 /* at most this long between two looks; RECONCILE_AGE where that is less */
#define CALLS_MAX    10000 /* taken from the socket before a sweep */

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

/* True: somebody called, once or often: one sweep serves them all. */
static bool was_called(struct storage *s, bool *subscribed, unsigned timeout_ms)
{
    int err = 0, messages = 0;
    redisReply *reply = redis_client_wait(s->subscriber, timeout_ms, &err);
    for (; reply != NULL; ++messages) {
        freeReplyObject(reply);
        reply = messages < CALLS_MAX ? redis_client_wait(s->subscriber, 0, &err) : NULL;
    }
    if (err < 0 && err != -ETIMEDOUT)
        *subscribed = false;
    return messages > 0;
}

/* Until there is something to do: a call, a poke, the interval or the end. */
static void wait_for_work(struct storage *s, bool *subscribed)
{
    int64_t until = clock_steady_ms() + s->options.sweep_ms;
    while (!atomic_load(&s->stopping) && !atomic_exchange(&s->poked, false) && clock_steady_ms() < until) {
        if (*subscribed && was_called(s, subscribed, STEP_MS))
            return;
        if (!*subscribed) {
            nap();
            (void)subscribe(s, subscribed);
            if (*subscribed)
                return; /* Redis is back, and may be another that gateways would grant nothing on */
        }
    }
}

/* One line when a part begins to fail, fails otherwise, or works again. */
static int note(struct storage *s, enum sweep_part part, const struct sweep_outcome *now)
{
    static const char *const names[SWEEP_PARTS] = {"database", "filing",     "clock",    "retention",
                                                   "deletion", "projection", "reconcile"};
    struct sweep_outcome *last = s->failing + part;
    bool same = now->error == last->error && strcmp(now->upload_id, last->upload_id) == 0;
    if (now->error < 0)
        ADMIN_COUNT(SWEEP_ERRORS);
    *last = *now;
    if (now->error == 0 && !same)
        log_info("sweep.recovered", LOG_S("part", names[part]));
    else if (!same)
        log_error("sweep.failing", LOG_S("part", names[part]), LOG_E(now->error),
                  LOG_S("upload_id", now->upload_id[0] != '\0' ? now->upload_id : NULL),
                  LOG_S("why", now->why[0] != '\0' ? now->why : NULL));
    return now->error;
}

static int note_error(struct storage *s, enum sweep_part part, int err)
{
    const struct sweep_outcome now = {.error = err};
    return note(s, part, &now);
}

static bool is_time(const struct storage *s, int64_t last_ms)
{
    int64_t pause = s->options.reconcile_age_ms < RECONCILE_MS ? s->options.reconcile_age_ms : RECONCILE_MS;
    return clock_steady_ms() - last_ms >= pause;
}

static int look_at_clock(struct storage *s, struct db_conn *c)
{
    struct sweep_outcome now = {.error = 0};
    now.error = clock_check(s, c, s->client, now.why, sizeof(now.why));
    s->clock_is_wrong = now.error < 0;
    return note(s, SWEEP_CLOCK, &now);
}

static int expire(struct storage *s, struct db_conn *c)
{
    struct sweep_outcome expired;
    if (!is_time(s, s->expired_ms))
        return 0;
    s->expired_ms = clock_steady_ms();
    int err = look_at_clock(s, c);
    if (err < 0)
        return err;
    (void)retention_sweep(s, c, s->client, &expired);
    return note(s, SWEEP_RETENTION, &expired);
}

/* What only Redis answers so is said with what to do about it; a locked database is its own words. */
static int note_projection(struct storage *s, const struct db_conn *c, int err)
{
    struct sweep_outcome now = {.error = err};
    if (err < 0 && db_error(c)[0] != '\0')
        snprintf(now.why, sizeof(now.why), "%.255s", db_error(c));
    else if (redis_reply_is_refusal(err))
        snprintf(now.why, sizeof(now.why), "%s", redis_client_advice(err));
    return note(s, SWEEP_PROJECTION, &now);
}

static int sweep(struct storage *s, struct db_conn *c)
{
    struct sweep_outcome filed, removed;
    (void)filing_sweep(s, c, 0, clock_steady_ms() + s->options.sweep_ms, &filed);
    int overdue = expire(s, c);
    (void)deletion_sweep(s, c, clock_steady_ms() + s->options.sweep_ms, &removed);
    if (filed.cut_short || removed.cut_short) /* projection has its turn in between */
        storage_poke(s);
    int first = note(s, SWEEP_FILING, &filed);
    int err = note(s, SWEEP_DELETION, &removed);
    first = first < 0 ? first : overdue < 0 ? overdue : err;
    err = note_projection(s, c, projection_sweep(s, c, s->client));
    if (err == 0 && is_time(s, s->reconciled_ms)) {
        (void)look_at_clock(s, c);
        err = note_error(s, SWEEP_RECONCILE, reconcile_sweep(s, c, s->client));
        s->reconciled_ms = clock_steady_ms();
    }
    return first < 0 ? first : err;
}

int storage_sweep(struct storage *s)
{
    struct db_conn *c;
    int err = note_error(s, SWEEP_DATABASE, db_acquire(s->db, &c));
    if (err < 0)
        return err;
    err = sweep(s, c);
    db_release(c);
    return err;
}

/* Before anything is done, so that a jump behind it is noticed by the next process too. */
static void note_clock(struct storage *s)
{
    struct db_conn *c;
    if (db_acquire(s->db, &c) < 0)
        return;
    (void)look_at_clock(s, c);
    db_release(c);
}

static void *keep(void *arg)
{
    struct storage *s = arg;
    bool subscribed = false;
    note_clock(s);
    while (!atomic_load(&s->stopping)) {
        if (!subscribed)
            (void)subscribe(s, &subscribed); /* before the sweep: what is published during it calls again */
        (void)storage_sweep(s);
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
