/* Claim, send, write down; see deliver.h. */
#include "services/admin-api/webhooks/deliver.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/resources/iso_time.h"
#include "services/admin-api/security/seal.h"
#include "services/admin-api/webhooks/send.h"
#include "services/admin-api/webhooks/statements.h"
#include "shared/clock/clock.h"
#include "shared/db/db.h"
#include "shared/log/log.h"

#define THREADS    2
#define IDLE_MS    500                         /* between looks at the outbox */
#define SPARE_MS   30000                       /* by which a lease is longer than a request may take */
#define PAUSE_MOST INT64_C(21600000000)        /* six hours between two attempts of a delivery */
#define HOOK_MOST  INT64_C(300000000)          /* five minutes between two looks at a receiver that fails */
#define KEPT_US    (INT64_C(30) * 86400000000) /* the log of deliveries */
#define FORGET_US  INT64_C(600000000)          /* between two looks for old rows */

struct deliverer {
    const struct admin *admin;
    struct guard *guard;
    struct send_options options;
    pthread_t threads[THREADS];
    unsigned started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    int failing; /* the database's last error, so that a change is one line in the log */
    int64_t looked_us, forgotten_us;
};

struct delivery {
    int64_t id, webhook_id, attempts, lease_us, time_us;
    char event[64];
    char *url, *payload, *secret;
};

/* --- claiming --- */

static int read_int(const struct db_rows *row, void *arg)
{
    *(int64_t *)arg = db_int(row, 0);
    return 0;
}

/* 1 with the id and the end of the lease, 0: there is nothing to do, negative. */
static int claim(struct deliverer *d, struct db_conn *c, struct delivery *out)
{
    int64_t now = clock_now_us();
    int found = db_one(c, read_int, &out->id, webhook_statement(NEXT), now);
    if (found < 1)
        return found;
    out->lease_us = now + (d->options.timeout_ms + SPARE_MS) * 1000;
    return (int)db_exec(c, webhook_statement(CLAIM), out->id, now, out->lease_us);
}

struct reading {
    const struct admin *admin;
    struct delivery *delivery;
};

static int read_delivery(const struct db_rows *row, void *arg)
{
    const struct reading *r = arg;
    struct delivery *v = r->delivery;
    size_t sealed_len, len;
    const void *sealed = db_blob(row, 5, &sealed_len);
    void *secret = NULL;

    v->webhook_id = db_int(row, 0);
    snprintf(v->event, sizeof(v->event), "%s", db_text(row, 1));
    v->payload = strdup(db_text(row, 2));
    v->attempts = db_int(row, 3);
    v->url = strdup(db_text(row, 4));
    v->time_us = db_int(row, 6);
    if (seal_open(r->admin->keys, KEY_WEBHOOK, sealed, sealed_len, &secret, &len, NULL) == 0)
        v->secret = secret; /* left NULL: said to whoever looks at the delivery */
    return v->payload == NULL || v->url == NULL ? -ENOMEM : 0;
}

static void delivery_free(struct delivery *v)
{
    if (v->secret != NULL)
        explicit_bzero(v->secret, strlen(v->secret));
    free(v->secret);
    free(v->payload);
    free(v->url);
}

/* --- sending --- */

/* The same bytes at every attempt. */
static char *body_of(const struct delivery *v)
{
    char time[ISO_TIME_SIZE];
    json_t *data = json_loads(v->payload, 0, NULL);
    iso_time_format(v->time_us, time);
    json_t *body = data == NULL ? NULL
                                : json_pack("{s:I,s:s,s:s,s:o}", "id", (json_int_t)v->id, "event", v->event, "time",
                                            time, "data", data);
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

static int send_one(struct deliverer *d, const struct delivery *v, struct send_answer *answer)
{
    char *body = v->secret == NULL ? NULL : body_of(v);
    *answer = (struct send_answer){.status = 0};
    if (body == NULL) {
        snprintf(answer->why, sizeof(answer->why), "%s",
                 v->secret == NULL ? "its secret cannot be opened with this SECRET_KEY: give it a new one"
                                   : "out of memory");
        return -EIO;
    }
    const struct send_request request = {.url = v->url,
                                         .secret = v->secret,
                                         .event = v->event,
                                         .id = v->id,
                                         .now_us = clock_now_us(),
                                         .body = body,
                                         .len = strlen(body)};
    int err = send_signed(&d->options, &request, answer);
    free(body);
    return err;
}

/* --- writing down how it went --- */

/* Four times as long after each failure, and up to a quarter more, so that not all come back at once. */
static int64_t pause_us(const struct deliverer *d, int64_t failures, int64_t most)
{
    int64_t pause = d->admin->config->webhook_retry * 1000;
    uint16_t dice = 0;
    for (int64_t i = 1; i < failures && pause < most; ++i)
        pause *= 4;
    pause = pause < most ? pause : most;
    (void)!getrandom(&dice, sizeof(dice), 0);
    return pause + pause / 4 * dice / UINT16_MAX;
}

struct result {
    struct deliverer *deliverer;
    const struct delivery *delivery;
    const struct send_answer *answer;
    bool went_well, is_last;
    int64_t now;
};

static int write_result(struct db_conn *c, void *arg)
{
    const struct result *r = arg;
    const struct delivery *v = r->delivery;
    const struct send_answer *a = r->answer;
    int64_t n;
    if (r->went_well) {
        n = db_exec(c, webhook_statement(DELIVERED), v->id, v->lease_us, a->status, r->now);
        return n < 1 ? (int)n : (int)db_exec(c, webhook_statement(WENT_WELL), v->webhook_id);
    }
    int64_t due = r->now + pause_us(r->deliverer, v->attempts, PAUSE_MOST);
    n = db_exec(c, webhook_statement(FAILED), v->id, v->lease_us, r->is_last ? "failed" : "pending",
                a->status == 0 ? NULL : &a->status, a->why, due, r->is_last ? &r->now : NULL);
    int64_t pause = pause_us(r->deliverer, v->attempts, HOOK_MOST);
    return n < 1 ? (int)n : (int)db_exec(c, webhook_statement(WENT_WRONG), v->webhook_id, r->now + pause);
}

static void tell(const struct result *r, int64_t began_us)
{
    const struct delivery *v = r->delivery;
    metric_add(&admin_metrics[r->went_well ? ADMIN_METRIC_HOOKS_DELIVERED
                              : r->is_last ? ADMIN_METRIC_HOOKS_GIVEN_UP
                                           : ADMIN_METRIC_HOOKS_RETRIED],
               1);
    if (r->went_well)
        log_info("webhook.delivered", LOG_I("webhook", v->webhook_id), LOG_I("delivery", v->id),
                 LOG_S("event", v->event), LOG_I("status", r->answer->status), LOG_I("ms", (r->now - began_us) / 1000));
    else
        log_warn(r->is_last ? "webhook.given_up" : "webhook.failed", LOG_I("webhook", v->webhook_id),
                 LOG_I("delivery", v->id), LOG_S("event", v->event), LOG_I("attempt", v->attempts),
                 LOG_S("why", r->answer->why));
}

static int deliver(struct deliverer *d, struct db_conn *c, struct delivery *v)
{
    struct reading reading = {.admin = d->admin, .delivery = v};
    struct send_answer answer;
    int found = db_one(c, read_delivery, &reading, webhook_statement(READ), v->id);
    db_release(c); /* nobody's while a receiver takes its time */
    if (found < 1)
        return found; /* its web hook was deleted */
    int64_t began = clock_now_us();
    bool went_well = send_one(d, v, &answer) == 0;
    struct result r = {.deliverer = d,
                       .delivery = v,
                       .answer = &answer,
                       .went_well = went_well,
                       .is_last = v->attempts >= d->admin->config->webhook_attempts,
                       .now = clock_now_us()};
    int err = db_acquire(d->admin->db, &c);
    if (err == 0) {
        err = db_transaction(c, write_result, &r);
        db_release(c);
    }
    tell(&r, began);
    return err < 0 ? err : 1;
}

/* 1: one was sent, 0: there is nothing to send, negative: the database is away. */
static int turn(struct deliverer *d)
{
    struct delivery v = {.id = 0};
    struct db_conn *c;
    int result = db_acquire(d->admin->db, &c);
    if (result < 0)
        return result;
    result = claim(d, c, &v);
    if (result < 1) {
        db_release(c);
        return result;
    }
    result = deliver(d, c, &v);
    delivery_free(&v);
    return result;
}

/* --- the threads --- */

static void look_after(struct deliverer *d)
{
    int64_t waiting = 0, now = clock_now_us();
    struct db_conn *c;
    pthread_mutex_lock(&d->lock);
    bool is_time = now - d->looked_us >= IDLE_MS * 1000 || now < d->looked_us;
    d->looked_us = is_time ? now : d->looked_us;
    pthread_mutex_unlock(&d->lock);
    if (!is_time || db_acquire(d->admin->db, &c) < 0)
        return;
    if (db_one(c, read_int, &waiting, webhook_statement(WAITING)) == 1)
        metric_set(&admin_metrics[ADMIN_METRIC_HOOKS_WAITING], waiting);
    if (now - d->forgotten_us > FORGET_US && db_exec(c, webhook_statement(FORGET), now - KEPT_US) >= 0)
        d->forgotten_us = now;
    db_release(c);
}

static void note(struct deliverer *d, int err)
{
    pthread_mutex_lock(&d->lock);
    bool same = d->failing == err;
    d->failing = err;
    pthread_mutex_unlock(&d->lock);
    if (!same && err < 0)
        log_error("webhooks.failing", LOG_E(err));
    else if (!same)
        log_info("webhooks.recovered");
}

/* False: it is time to end. */
static bool rest(struct deliverer *d, int64_t ms)
{
    struct timespec until = clock_steady_in(ms);
    pthread_mutex_lock(&d->lock);
    if (!d->stopping && ms > 0)
        (void)pthread_cond_timedwait(&d->wake, &d->lock, &until);
    bool go_on = !d->stopping;
    pthread_mutex_unlock(&d->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct deliverer *d = arg;
    int sent;
    do {
        sent = turn(d);
        note(d, sent < 0 ? sent : 0);
        look_after(d);
    } while (rest(d, sent == 1 ? 0 : IDLE_MS));
    return NULL;
}

int deliverer_start(const struct admin *admin, struct deliverer **out, char *why, size_t why_size)
{
    char reason[256] = "";
    struct deliverer *d = calloc(1, sizeof(*d));
    int err = d == NULL ? -ENOMEM : guard_new(admin->config->webhook_allow_nets, &d->guard, reason, sizeof(reason));

    snprintf(why, why_size, "%s%s",
             reason[0] != '\0' ? "WEBHOOK_ALLOW_NETS: " : "the threads of web hooks cannot start", reason);
    if (err < 0) {
        free(d);
        return err;
    }
    d->admin = admin;
    d->options = (struct send_options){
        .guard = d->guard, .timeout_ms = admin->config->webhook_timeout, .ca_file = admin->config->webhook_ca};
    pthread_mutex_init(&d->lock, NULL);
    clock_cond_init(&d->wake);
    for (; d->started < THREADS && err == 0; d->started += err == 0)
        err = -pthread_create(&d->threads[d->started], NULL, run, d);
    if (err < 0) {
        deliverer_stop(d);
        return err;
    }
    *out = d;
    return 0;
}

void deliverer_stop(struct deliverer *d)
{
    if (d == NULL)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_broadcast(&d->wake);
    pthread_mutex_unlock(&d->lock);
    for (unsigned i = 0; i < d->started; ++i)
        pthread_join(d->threads[i], NULL);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->wake);
    guard_free(d->guard);
    free(d);
}
