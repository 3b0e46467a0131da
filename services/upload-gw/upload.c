/* The steps of an upload up to its last byte, and its failure; see upload.h. */
#include "services/upload-gw/upload.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/upload-gw/answer.h"
#include "services/upload-gw/metrics.h"
#include "services/upload-gw/networks.h"
#include "services/upload-gw/reservations.h"
#include "services/upload-gw/room.h"
#include "services/upload-gw/tus.h"
#include "shared/clock/clock.h"
#include "shared/crash/crash.h"
#include "shared/log/log.h"

#define WAIT_BYTES    (1 << 20)          /* of a fast sender: as much as is worth waking up for */
#define FEW_BULK      2                  /* fast senders: more keep the workers busy */
#define FORM_OVERHEAD (INT64_C(1) << 20) /* what a form may add to its file before its length is judged */

static enum upload_step step_over(struct upload *u);
static enum upload_step step_fail(struct upload *u);
static enum upload_step step_discard(struct upload *u);
static enum upload_step step_forget(struct upload *u);

static const upload_step_run steps[UPLOAD_STEPS] = {
    [UPLOAD_RESERVE] = upload_reserve,   [UPLOAD_CHECK] = upload_check,       [UPLOAD_PREPARE] = upload_continue,
    [UPLOAD_RECEIVE] = upload_receive,   [UPLOAD_RECEIVED] = upload_received, [UPLOAD_SYNC] = publish_sync,
    [UPLOAD_SYNCED] = publish_synced,    [UPLOAD_COMMIT] = publish_commit,    [UPLOAD_PUBLISH] = publish_record,
    [UPLOAD_PUBLISHED] = publish_finish, [UPLOAD_FAIL] = step_fail,           [UPLOAD_DISCARD] = step_discard,
    [UPLOAD_FORGET] = step_forget,       [UPLOAD_REFUSE] = upload_refuse,     [UPLOAD_OVER] = step_over,
};

void upload_go(struct upload *u, enum upload_step step)
{
    while (step != UPLOAD_WAIT)
        step = u->steps[step](u);
}

enum upload_step upload_fail(struct upload *u, enum gateway_error e)
{
    u->error = e;
    return UPLOAD_FAIL;
}

struct upload *upload_of_job(struct pool_job *job)
{
    return (struct upload *)(void *)((char *)job - offsetof(struct upload, job));
}

static void on_job_done(struct loop_message *m)
{
    struct upload *u = (struct upload *)(void *)((char *)m - offsetof(struct upload, done));
    upload_go(u, u->next);
}

enum upload_step upload_lend(struct upload *u, struct pool *pool,
                             void (*run)(struct pool_job *job, char *buffer, size_t size), enum upload_step next)
{
    u->job.run = run;
    u->done.run = on_job_done;
    u->next = next;
    pool_add(pool, &u->job);
    return UPLOAD_WAIT;
}

/* --- the token --- */

static void refuse_token(struct conn *c, struct span token)
{
    char text[128];
    snprintf(text, sizeof(text), "%.*s", (int)(token.len < 100 ? token.len : 100), token.data);
    answer_error(c, GATEWAY_TOKEN_INVALID, &(struct answer_context){.token = text});
}

struct upload *upload_new(struct conn *c, const struct head *h, struct span token)
{
    char canonical[TOKEN_SIZE] = "";
    if (token.data != NULL && token_canonical(token, canonical) < 0) {
        refuse_token(c, token);
        return NULL;
    }
    struct upload *u = calloc(1, sizeof(*u));
    if (u == NULL || spool_make_id(u->id) < 0) {
        free(u);
        answer_error(c, GATEWAY_UNAVAILABLE, NULL);
        return NULL;
    }
    memcpy(u->token, canonical, sizeof(canonical));
    u->steps = steps;
    u->conn = c;
    u->lane = c->lane;
    u->client = c->client;
    u->pause_at = INT64_MAX;
    u->left = -1;
    u->sink.fd = -1;
    u->expects = h->expect_continue;
    u->started_us = clock_now_us();
    return u;
}

void upload_set_bulk(struct upload *u, bool bulk)
{
    if (bulk && !u->bulk)
        atomic_fetch_add_explicit(&u->lane->gateway->bulk, 1, memory_order_relaxed);
    if (!bulk && u->bulk)
        atomic_fetch_sub_explicit(&u->lane->gateway->bulk, 1, memory_order_relaxed);
    u->bulk = bulk;
}

void upload_begin(struct upload *u, enum upload_step first)
{
    u->conn->upload = u;
    upload_set_bulk(u, u->conn->bulk); /* the next part of a resumable one does not begin slowly */
    COUNT_BY(UPLOADS_OPEN, 1);
    upload_go(u, first);
}

enum gateway_error upload_take_admission(struct upload *u, const struct admission *a)
{
    static const enum gateway_error refusals[] = {[ADMISSION_UNAVAILABLE] = GATEWAY_UNAVAILABLE,
                                                  [ADMISSION_NO_EPOCH] = GATEWAY_UNAVAILABLE,
                                                  [ADMISSION_OK] = GATEWAY_OK,
                                                  [ADMISSION_DONE] = GATEWAY_TOKEN_INVALID,
                                                  [ADMISSION_UNKNOWN] = GATEWAY_TOKEN_INVALID,
                                                  [ADMISSION_GONE] = GATEWAY_TOKEN_INVALID,
                                                  [ADMISSION_RESOLVED] = GATEWAY_RESOLVED,
                                                  [ADMISSION_EXPIRED] = GATEWAY_EXPIRED,
                                                  [ADMISSION_IN_USE] = GATEWAY_IN_USE,
                                                  [ADMISSION_THROTTLED] = GATEWAY_THROTTLED,
                                                  [ADMISSION_TOO_MANY] = GATEWAY_UPLOADS_TICKET};

    u->ticket_id = a->ticket_id;
    u->number = a->number;
    u->retry_ms = a->retry_ms;
    u->limit = u->lane->gateway->config.max_upload_size;
    if (a->max_bytes > 0 && a->max_bytes < u->limit)
        u->limit = a->max_bytes;
    snprintf(u->epoch, sizeof(u->epoch), "%s", a->epoch);
    u->admitted = a->status == ADMISSION_OK;
    return refusals[a->status];
}

static void on_admitted(void *arg, const struct admission *a)
{
    struct upload *u = arg;
    enum gateway_error e = upload_take_admission(u, a);
    CRASH_POINT(ADMITTED);
    upload_go(u, e == GATEWAY_OK ? UPLOAD_CHECK : upload_fail(u, e));
}

enum upload_step upload_reserve(struct upload *u)
{
    char hash[TOKEN_HASH_SIZE];
    if (token_hash(u->token, hash) < 0)
        return upload_fail(u, GATEWAY_UNAVAILABLE);
    struct attempts_limits limits;
    char network[ADDRESS_NET_SIZE];
    conn_limits(u->conn, network, &limits);
    attempts_reserve_within(u->lane->link, hash, u->id, u->lane->gateway->config.upload_lease, &limits, on_admitted, u);
    return UPLOAD_WAIT;
}

/* --- heartbeat and slow senders --- */

static void on_renewed(void *arg, const struct admission *a)
{
    struct upload *u = arg;
    u->renewing = false;
    if (u->ended)
        upload_free(u);
    else if (a->status == ADMISSION_GONE)
        upload_stop(u, GATEWAY_GONE);
}

static bool too_slow(struct upload *u)
{
    const struct gateway_config *config = &u->lane->gateway->config;
    int64_t now = clock_steady_ms();
    int64_t received = atomic_load_explicit(&u->received, memory_order_relaxed);
    int64_t least = config->min_upload_rate * (config->upload_idle_timeout / 1000);

    if (received - u->seen > (least > 0 ? least : 0) || u->slow_since_ms == 0) {
        u->seen = received;
        u->slow_since_ms = now;
    }
    return now - u->slow_since_ms >= config->upload_idle_timeout;
}

void upload_renew(struct upload *u)
{
    if (u->renewing || !u->admitted || u->failed)
        return;
    u->renewing = true;
    attempts_renew(u->lane->link, u->ticket_id, u->id, u->epoch, u->lane->gateway->config.upload_lease, on_renewed, u);
}

static uint32_t tick_ms(const struct upload *u)
{
    const struct gateway_config *config = &u->lane->gateway->config;
    int64_t lease =
        u->tus != NULL && config->resume_lease < config->upload_lease ? config->resume_lease : config->upload_lease;
    int64_t third = lease / 3;
    return (uint32_t)(third < config->upload_idle_timeout ? third : config->upload_idle_timeout);
}

static void on_tick(struct loop_timer *t)
{
    struct upload *u = (struct upload *)(void *)((char *)t - offsetof(struct upload, tick));

    loop_timer_start(u->lane->loop, t, tick_ms(u), on_tick);
    upload_renew(u);
    if (u->tus != NULL)
        tus_tick(u);
    if (u->next == UPLOAD_RECEIVED && sock_is_reading(u->conn->sock)) /* what is here counts, however little */
        wire_wait_for(&u->conn->wire, 0);
    if (u->next == UPLOAD_RECEIVED && too_slow(u))
        upload_stop(u, GATEWAY_TIMEOUT);
}

void upload_watch(struct upload *u)
{
    loop_timer_start(u->lane->loop, &u->tick, tick_ms(u), on_tick);
}

void upload_stop(struct upload *u, enum gateway_error why)
{
    if (u->next != UPLOAD_RECEIVED || u->problem != GATEWAY_OK)
        return; /* past its last byte: the commit decides */
    u->problem = why;
    if (sock_is_reading(u->conn->sock)) { /* no job is out */
        sock_stop_read(u->conn->sock);
        upload_go(u, upload_fail(u, why));
    } else {
        atomic_store_explicit(&u->stop, true, memory_order_relaxed);
    }
}

/* --- before the body --- */

static bool count_network(struct upload *u)
{
    struct gateway *g = u->lane->gateway;
    unsigned now, most = (unsigned)g->config.max_uploads_per_network;
    if (u->network == NULL)
        u->network = networks_enter(g->networks, u->conn->client, NETWORK_UPLOADS, most > 0 ? most : UINT_MAX, &now);
    return u->network != NULL;
}

enum gateway_error upload_take_room(struct upload *u, int64_t bytes)
{
    struct gateway *g = u->lane->gateway;
    int64_t room;
    if (!count_network(u))
        return GATEWAY_UPLOADS_NETWORK;
    int err = room_left(g->room, &room);
    if (err < 0) {
        log_error("storage.unreachable", LOG_E(err));
        return GATEWAY_STORAGE;
    }
    room -= g->config.storage_reserve;
    int64_t own = u->tus != NULL ? reservations_of(g->reservations, u->id) : 0;
    if (room - (atomic_load(&g->coming) - own) < bytes || room <= 0)
        return GATEWAY_NO_SPACE;
    if (u->tus != NULL && tus_is_bounded(u->tus)) {
        reservations_set(g->reservations, u->id, bytes);
        return GATEWAY_OK;
    }
    u->coming = bytes;
    atomic_fetch_add(&g->coming, bytes);
    return GATEWAY_OK;
}

enum upload_step upload_check(struct upload *u)
{
    upload_watch(u);
    if (u->problem != GATEWAY_OK)
        return upload_fail(u, u->problem);
    if (u->declared > u->limit + (u->body.form != NULL ? FORM_OVERHEAD : 0))
        return upload_fail(u, GATEWAY_TOO_LARGE);
    enum gateway_error e = upload_take_room(u, u->declared);
    if (e != GATEWAY_OK)
        return upload_fail(u, e);
    struct gateway *g = u->lane->gateway;
    sink_init(&u->sink, g->spool, u->id, u->limit, g->config.storage_reserve, &g->coming, u->body.left);
    return UPLOAD_PREPARE;
}

enum upload_step upload_continue(struct upload *u)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (u->expects && u->conn->held_len == 0 && !u->body.over &&
        wire_send(&u->conn->wire, line, sizeof(line) - 1) != (ssize_t)sizeof(line) - 1) {
        u->reset = true;
        return upload_fail(u, GATEWAY_TRUNCATED);
    }
    return UPLOAD_RECEIVE;
}

/* --- the body --- */

static void on_body_readable(struct sock *s, int err)
{
    struct conn *c = sock_data(s);
    (void)err; /* recv tells more */
    sock_stop_read(s);
    upload_lend(c->upload, c->lane->gateway->receivers, receive_run, UPLOAD_RECEIVED);
}

static enum upload_step step_over(struct upload *u)
{
    enum gateway_error e = body_verdict(&u->body, &u->sink);
    return e == GATEWAY_OK ? UPLOAD_SYNC : upload_fail(u, e);
}

/* Among many a sender waits for its turn anyway, and would wait longer. Far from the end, so that this much is still to
 * come, whatever TLS holds back of it. */
static int worth_waiting_for(const struct upload *u)
{
    unsigned bulk = atomic_load_explicit(&u->lane->gateway->bulk, memory_order_relaxed);
    return u->bulk && bulk <= FEW_BULK && u->body.left >= 2 * WAIT_BYTES ? WAIT_BYTES : 0;
}

/* Reads without polling first: bytes may be here already. */
enum upload_step upload_receive_more(struct upload *u)
{
    return upload_lend(u, u->lane->gateway->receivers, receive_run, UPLOAD_RECEIVED);
}

enum upload_step upload_receive(struct upload *u)
{
    if (u->body.over) { /* there is none: what is held is the next request */
        u->conn->body_left = 0;
        return UPLOAD_OVER;
    }
    if (u->conn->held_len > 0 || wire_holds(&u->conn->wire))
        return upload_receive_more(u);
    u->next = UPLOAD_RECEIVED;
    wire_wait_for(&u->conn->wire, worth_waiting_for(u));
    sock_poll_read(u->conn->sock, on_body_readable);
    return UPLOAD_WAIT;
}

enum upload_step upload_received(struct upload *u)
{
    if (u->problem != GATEWAY_OK && u->outcome != RECEIVE_OVER)
        return upload_fail(u, u->problem);
    switch (u->outcome) {
    case RECEIVE_WAIT:
        return UPLOAD_RECEIVE;
    case RECEIVE_PAUSE:
        return UPLOAD_PAUSED;
    case RECEIVE_OVER:
        break;
    case RECEIVE_RESET:
        u->reset = true;
        return upload_fail(u, GATEWAY_TRUNCATED);
    case RECEIVE_ENDED:
        return upload_fail(u, u->body.form != NULL ? GATEWAY_BAD_REQUEST : GATEWAY_TRUNCATED);
    case RECEIVE_REFUSED:
        return UPLOAD_FAIL;
    }
    if (conn_hold(u->conn, u->over, u->over_len) < 0 || u->over_lost)
        u->conn->keep = false;
    u->conn->body_left = 0;
    return UPLOAD_OVER;
}

/* --- the end --- */

static void run_discard(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    (void)buffer;
    (void)size;
    sink_discard(&u->sink);
    CRASH_POINT(DISCARDED);
    room_look(u->lane->gateway->room);
    u->published = u->committed && spool_is_published(u->sink.spool, u->id) != 0;
    loop_post(u->lane->loop, &u->done);
}

static void on_released(void *arg)
{
    upload_go(arg, UPLOAD_DISCARD);
}

/* The attempt goes back before the customer hears of the failure: trying again at once must work. */
static enum upload_step step_fail(struct upload *u)
{
    loop_timer_stop(&u->tick);
    u->failed = true;
    u->next = UPLOAD_FAIL;
    if (!u->admitted || u->committed)
        return UPLOAD_DISCARD;
    CRASH_POINT(RELEASING);
    attempts_release(u->lane->link, u->ticket_id, u->id, on_released, u);
    return UPLOAD_WAIT;
}

static enum upload_step step_discard(struct upload *u)
{
    if (u->sink.spool == NULL)
        return UPLOAD_REFUSE;
    return upload_lend(u, u->lane->gateway->publishers, run_discard, UPLOAD_FORGET);
}

static void on_forgotten(void *arg)
{
    upload_go(arg, UPLOAD_REFUSE);
}

/* It was committed and then could not be published: attempt and name go back, now that it can never be. */
static enum upload_step step_forget(struct upload *u)
{
    if (!u->committed || u->published)
        return UPLOAD_REFUSE;
    attempts_forget(u->lane->link, u->ticket_id, u->id, on_forgotten, u);
    return UPLOAD_WAIT;
}

enum upload_step upload_refuse(struct upload *u)
{
    struct conn *c = u->conn;
    char token[TOKEN_SIZE];
    struct answer_context context = {
        .token = token, .number = u->number, .limit = u->limit, .retry_ms = u->retry_ms, .why = u->why};
    enum gateway_error e = u->error;
    bool ours = gateway_errors[e].status >= 500, reset = u->reset;

    if (e == GATEWAY_STORAGE && u->sink.error != 0)
        room_wrote(u->lane->gateway->room, false);
    memcpy(token, u->token, sizeof(token));
    log_write(ours ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "upload.refused",
              LOG_FIELDS(LOG_S("upload_id", u->id), LOG_I("ticket", u->number), LOG_S("reason", gateway_errors[e].id),
                         LOG_I("received", atomic_load(&u->received)),
                         LOG_S("error", u->sink.error != 0 ? log_errno_text(u->sink.error) : NULL),
                         LOG_S("client", c->client)));
    if (reset || e == GATEWAY_TRUNCATED)
        COUNT(UPLOADS_ABORTED);
    else if (ours)
        COUNT(UPLOADS_FAILED);
    else
        COUNT(UPLOADS_REFUSED);
    upload_end(u);
    if (reset)
        conn_close(c);
    else
        answer_error(c, e, &context);
    return UPLOAD_WAIT;
}

void upload_end(struct upload *u)
{
    loop_timer_stop(&u->tick);
    atomic_fetch_sub(&u->lane->gateway->coming, u->coming);
    COUNT_BY(UPLOADS_OPEN, -1);
    networks_leave(u->lane->gateway->networks, u->network, NETWORK_UPLOADS);
    u->conn->upload = NULL;
    u->conn->bulk = u->bulk;
    upload_set_bulk(u, false);
    wire_wait_for(&u->conn->wire, 0);
    body_free(&u->body);
    free(u->over);
    tus_free(u->tus);
    u->tus = NULL;
    u->ended = true;
    upload_free(u);
}

void upload_free(struct upload *u)
{
    if (!u->renewing && !u->keeping) /* else its answer frees it */
        free(u);
}
