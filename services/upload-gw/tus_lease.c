/*
 * The lease of a resumable upload: taking it (asking whoever has it), keeping it, letting it go, and the box where
 * others ask for ours. Loop thread only, but for tus_still_ours.
 */
#include "services/upload-gw/tus.h"

#include <string.h>

#include "services/upload-gw/metrics.h"
#include "shared/clock/clock.h"
#include "shared/crash/crash.h"
#include "shared/log/log.h"

#define ASK_AGAIN_MS  50
#define LISTEN_S      20
#define MAIL_RETRY_MS 500

int tus_still_ours(void *arg)
{
    struct tus *t = arg;
    return clock_steady_ms() < atomic_load_explicit(&t->ours_until_ms, memory_order_acquire);
}

static void extend(struct tus *t)
{
    atomic_store_explicit(&t->ours_until_ms, t->asked_ms + t->hold.lease_ms, memory_order_release);
}

/* --- taking --- */

static void on_ask_again(struct loop_timer *timer)
{
    struct upload *u = (struct upload *)(void *)((char *)timer - offsetof(struct upload, tick));
    upload_go(u, UPLOAD_TAKE);
}

static enum upload_step wait_for_holder(struct upload *u)
{
    if (clock_steady_ms() >= u->tus->patience_ms)
        return upload_fail(u, GATEWAY_TUS_HELD);
    loop_timer_start(u->lane->loop, &u->tick, ASK_AGAIN_MS, on_ask_again);
    return UPLOAD_WAIT;
}

static enum upload_step taken(struct upload *u, const struct hold_answer *a)
{
    struct tus *t = u->tus;
    struct pool *pool = u->lane->gateway->publishers;

    extend(t);
    t->holds = true;
    t->hold.fence = t->fence = a->fence;
    if (a->lapsed) {
        t->lapsed = true;
        COUNT(UPLOADS_SEIZED);
        log_warn("upload.seized", LOG_S("upload_id", u->id), LOG_I("fence", a->fence));
    }
    upload_watch(u);
    return t->verb == TUS_CREATE ? upload_lend(u, pool, tus_run_create, UPLOAD_CREATED)
                                 : upload_lend(u, pool, tus_run_load, UPLOAD_LOADED);
}

static void on_taken(void *arg, const struct hold_answer *a)
{
    struct upload *u = arg;
    struct tus *t = u->tus;

    switch (a->status) {
    case HOLD_OK:
        upload_go(u, taken(u, a));
        return;
    case HOLD_HELD:
        upload_go(u, wait_for_holder(u));
        return;
    case HOLD_FINISHED:
        t->finished = true;
        t->final_size = a->size;
        memcpy(t->final_sha256, a->sha256, sizeof(t->final_sha256));
        upload_go(u, UPLOAD_LOADED);
        return;
    case HOLD_UNKNOWN: /* to Redis; the disk knows better */
        upload_go(u, upload_lend(u, u->lane->gateway->publishers, tus_run_look, UPLOAD_LOOKED));
        return;
    case HOLD_CROWDED_TICKET:
        u->limit = u->lane->gateway->config.max_unfinished_per_ticket;
        upload_go(u, upload_fail(u, GATEWAY_UNFINISHED_TICKET));
        return;
    case HOLD_CROWDED_NETWORK:
        u->limit = u->lane->gateway->config.max_unfinished_per_network;
        upload_go(u, upload_fail(u, GATEWAY_UNFINISHED_NETWORK));
        return;
    case HOLD_UNAVAILABLE:
    case HOLD_LOST:
        upload_go(u, upload_fail(u, GATEWAY_UNAVAILABLE));
        return;
    }
}

enum upload_step tus_take(struct upload *u)
{
    struct tus *t = u->tus;
    t->asked_ms = clock_steady_ms();
    t->hold.ticket_id = u->ticket_id;
    const struct gateway_config *config = &u->lane->gateway->config;
    char network[ADDRESS_NET_SIZE];
    address_net_of(u->conn->client, network);
    const struct hold_limits limits = {.network = network,
                                       .per_ticket = config->max_unfinished_per_ticket,
                                       .per_network = config->max_unfinished_per_network,
                                       .expiry_ms = config->upload_expiry};
    hold_take(u->lane->link, &t->hold, t->how, t->how == HOLD_NEW ? &limits : NULL, on_taken, u);
    return UPLOAD_WAIT;
}

/* --- keeping --- */

static void ask_to_let_go(struct upload *u, enum gateway_error why)
{
    u->tus->asked = true; /* heeded by the next step, should receiving not have begun */
    upload_stop(u, why);
}

static void on_kept(void *arg, const struct hold_answer *a)
{
    struct upload *u = arg;
    struct tus *t = u->tus;
    u->keeping = false;
    if (u->ended) {
        upload_free(u);
        return;
    }
    if (a->status == HOLD_OK)
        extend(t);
    if (a->status == HOLD_LOST)
        atomic_store(&t->ours_until_ms, 0);
    if (a->status == HOLD_LOST || (a->status == HOLD_OK && a->wanted))
        ask_to_let_go(u, GATEWAY_TUS_TAKEN);
}

/* Redis cannot be heard: what has arrived is kept while the lease still is ours for certain. */
void tus_tick(struct upload *u)
{
    struct tus *t = u->tus;
    int64_t now = clock_steady_ms();
    if (!t->holds)
        return;
    if (now > atomic_load(&t->ours_until_ms) - t->hold.lease_ms / 3)
        upload_stop(u, GATEWAY_UNAVAILABLE);
    if (u->keeping)
        return;
    u->keeping = true;
    t->asked_ms = now;
    hold_keep(u->lane->link, &t->hold, on_kept, u);
}

void tus_drain(struct lane *lane)
{
    for (struct conn *c = lane->conns, *next; c != NULL; c = next) {
        next = c->next;
        if (c->upload != NULL && c->upload->tus != NULL)
            ask_to_let_go(c->upload, GATEWAY_UNAVAILABLE);
    }
}

/* --- letting go --- */

static void on_dropped(void *arg, const struct hold_answer *a)
{
    struct upload *u = arg;
    (void)a; /* unheard, the lease ends alone */
    CRASH_POINT(TUS_LET_GO);
    upload_go(u, u->error == GATEWAY_OK ? UPLOAD_ANSWER : UPLOAD_REFUSE);
}

enum upload_step tus_let_go(struct upload *u)
{
    struct tus *t = u->tus;
    loop_timer_stop(&u->tick);
    if (!t->holds)
        return u->error == GATEWAY_OK ? UPLOAD_ANSWER : UPLOAD_REFUSE;
    t->holds = false;
    CRASH_POINT(TUS_LETTING_GO);
    hold_drop(u->lane->link, &t->hold, t->end, t->final_size, t->final_sha256, on_dropped, u);
    return UPLOAD_WAIT;
}

/* --- the box --- */

static void listen_on(struct lane *lane);

static void on_mail_retry(struct loop_timer *timer)
{
    listen_on((struct lane *)(void *)((char *)timer - offsetof(struct lane, mail_retry)));
}

static void on_asked(void *arg, const char *upload_id, int err)
{
    struct lane *lane = arg;
    if (err < 0) {
        loop_timer_start(lane->loop, &lane->mail_retry, MAIL_RETRY_MS, on_mail_retry);
        return;
    }
    for (struct conn *c = lane->conns, *next; c != NULL && upload_id != NULL; c = next) {
        next = c->next;
        struct upload *u = c->upload;
        if (u != NULL && u->tus != NULL && u->tus->holds && strcmp(u->id, upload_id) == 0)
            ask_to_let_go(u, GATEWAY_TUS_TAKEN);
    }
    listen_on(lane);
}

static void listen_on(struct lane *lane)
{
    hold_listen(lane->mail, lane->box, LISTEN_S, on_asked, lane);
}

int tus_mail_start(struct lane *lane)
{
    const struct gateway *g = lane->gateway;
    int err = spool_make_id(lane->box);
    if (err == 0)
        err = redis_link_new(lane->loop, g->redis, (unsigned)g->config.redis_timeout, NULL, NULL, &lane->mail);
    if (err == 0)
        listen_on(lane);
    return err;
}
