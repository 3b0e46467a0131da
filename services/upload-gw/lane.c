/* Lanes: see lane.h. */
#include "services/upload-gw/lane.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "services/upload-gw/conn.h"
#include "services/upload-gw/door.h"
#include "services/upload-gw/metrics.h"
#include "services/upload-gw/promises.h"
#include "services/upload-gw/sweep.h"
#include "services/upload-gw/tus.h"
#include "services/upload-gw/upload.h"
#include "shared/log/log.h"
#include "shared/loop/pages.h"
#include "shared/redis/client.h"
#include "shared/redis/reply.h"

#define DRAIN_LOOK_MS 100
#define EXPIRED_MS    2000 /* for what is stopped to be discarded */

static const char *const asset_headers[] = {"X-Content-Type-Options: nosniff",
                                            "X-Frame-Options: DENY",
                                            "Cross-Origin-Opener-Policy: same-origin",
                                            "Content-Security-Policy: " PLAIN_POLICY,
                                            "Referrer-Policy: same-origin",
                                            "Cache-Control: public, max-age=31536000, immutable",
                                            NULL};

static const struct pages_rule page_rules[] = {
    {.path = "/u/assets/", .headers = asset_headers},
};

static void on_redis_up(void *arg, bool new_server)
{
    struct lane *lane = arg;
    if (new_server) /* it may know nothing of the leases held */
        for (struct conn *c = lane->conns; c != NULL; c = c->next)
            if (c->upload != NULL)
                upload_renew(c->upload);
    COUNT_BY(REDIS_UP, 1);
    log_info("redis.up", LOG_S("server", new_server ? "new" : "same"));
}

static void on_redis_down(void *arg, int err, const char *why)
{
    (void)arg;
    COUNT(REDIS_DOWN);
    COUNT_BY(REDIS_UP, -1);
    if (redis_reply_is_refusal(err)) /* an errno's words would mislead; what to do, on_redis_refused says */
        log_warn("redis.down", LOG_S("state", redis_reply_state(err)), LOG_S("why", "it refuses what it is asked"));
    else
        log_warn("redis.down", LOG_E(err), LOG_S("why", why));
}

static void on_redis_refused(void *arg, int err)
{
    (void)arg;
    COUNT(REDIS_REFUSED);
    log_warn("redis.refused", LOG_S("state", redis_reply_state(err)), LOG_S("why", redis_client_advice(err)));
}

static void on_redis_answer(int64_t microseconds)
{
    histogram_observe(&gateway_histograms[GATEWAY_HISTOGRAM_REDIS], microseconds);
}

static const struct redis_link_events redis_events = {
    .on_up = on_redis_up, .on_down = on_redis_down, .on_refused = on_redis_refused, .observe = on_redis_answer};

struct starting {
    struct lane *lane;
    const struct lane_doors *doors;
    char *why;
    size_t why_size;
};

static int init(void *arg, struct loop **out)
{
    const struct starting *starting = arg;
    const struct lane_doors *doors = starting->doors;
    struct lane *lane = starting->lane;
    const struct gateway *g = lane->gateway;
    int err = pages_loop_new(doors->web_dir, page_rules, sizeof(page_rules) / sizeof(page_rules[0]), &lane->loop);
    if (err < 0) {
        snprintf(starting->why, starting->why_size, "GATEWAY_WEB_DIR: the pages are not in %s: %s", doors->web_dir,
                 strerror(-err));
        return err;
    }
    *out = lane->loop;
    err = redis_link_new(lane->loop, g->redis, (unsigned)g->config.redis_timeout, &redis_events, lane, &lane->link);
    if (err == 0)
        err = tus_mail_start(lane);
    if (err == 0)
        err = door_open(lane, doors->listen, false);
    if (err == 0 && doors->status >= 0)
        err = door_open(lane, doors->status, true);
    if (err == 0 && lane == g->lanes)
        err = sweep_start(lane);
    if (err == 0 && lane == g->lanes)
        err = promises_start(lane);
    return err;
}

int lane_start(struct lane *lane, struct gateway *g, const struct lane_doors *doors, char *why, size_t why_size)
{
    struct starting starting = {.lane = lane, .doors = doors, .why = why, .why_size = why_size};
    lane->gateway = g;
    TAILQ_INIT(&lane->handshakes);
    int err = loop_thread_start(&lane->thread, init, &starting);
    if (err < 0 && why[0] == '\0')
        snprintf(why, why_size, "an event loop's thread cannot be started: %s", strerror(-err));
    return err;
}

static void on_look(struct loop_timer *t)
{
    struct lane *lane = (struct lane *)(void *)((char *)t - offsetof(struct lane, drain_look));
    if (lane->conn_count == 0)
        loop_stop(lane->loop);
    else
        loop_timer_start(lane->loop, t, DRAIN_LOOK_MS, on_look);
}

static void on_drain(struct loop_message *m)
{
    struct lane *lane = (struct lane *)(void *)((char *)m - offsetof(struct lane, drain));
    lane->draining = true;
    door_close(lane);
    conn_drain(lane);
    tus_drain(lane);
    on_look(&lane->drain_look);
}

static void on_end(struct loop_timer *t)
{
    struct lane *lane = (struct lane *)(void *)((char *)t - offsetof(struct lane, end));
    loop_stop(lane->loop);
}

/* What cannot be gone on with elsewhere is discarded and told so now: what it had stored would lie there until
 * admin-api finds it to be nobody's, and its attempt wait for the lease. */
static void on_expire(struct loop_message *m)
{
    struct lane *lane = (struct lane *)(void *)((char *)m - offsetof(struct lane, expire));
    log_warn("drain.expired", LOG_I("connections", lane->conn_count));
    for (struct conn *c = lane->conns, *next; c != NULL; c = next) {
        next = c->next;
        if (c->upload != NULL && c->upload->tus == NULL)
            upload_stop(c->upload, GATEWAY_UNAVAILABLE);
    }
    loop_timer_start(lane->loop, &lane->end, EXPIRED_MS, on_end);
}

void lane_drain(struct lane *lane)
{
    lane->drain.run = on_drain;
    loop_post(lane->loop, &lane->drain);
}

void lane_expire(struct lane *lane)
{
    lane->expire.run = on_expire;
    loop_post(lane->loop, &lane->expire);
}

void lane_join(struct lane *lane)
{
    pthread_join(lane->thread, NULL);
}
