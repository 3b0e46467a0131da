/* Answers that need no body: health, tokens, readiness, metrics, and the way to the pages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/upload-gw/answer.h"
#include "services/upload-gw/metrics.h"
#include "services/upload-gw/promises.h"
#include "services/upload-gw/question.h"
#include "services/upload-gw/room.h"
#include "services/upload-gw/routes.h"
#include "shared/http/query.h"
#include "shared/http/token.h"
#include "shared/redis/attempts.h"
#include "shared/redis/reply.h"
#include "shared/tls/tls.h"

void check_health(struct conn *c, const struct head *h)
{
    (void)h;
    answer_json(c, 200, json_pack("{s:s}", "status", "ok"), NULL);
}

void check_token_hint(struct conn *c, const struct head *h)
{
    (void)h;
    answer_json(c, 303, json_pack("{s:s}", "detail", "to find out the status of the token, place it in the URL"), NULL);
}

void check_collection(struct conn *c, const struct head *h)
{
    (void)h;
    answer_empty(c, 200, "");
}

struct token_check {
    struct conn *conn;
    char token[TOKEN_SIZE];
};

static void on_status(void *arg, const struct admission *a)
{
    struct token_check *check = arg;
    struct conn *c = check->conn;

    if (a->status == ADMISSION_UNAVAILABLE || a->status == ADMISSION_NO_EPOCH)
        answer_error(c, GATEWAY_UNAVAILABLE, NULL);
    else if (a->status == ADMISSION_THROTTLED)
        answer_error(c, GATEWAY_THROTTLED, &(struct answer_context){.retry_ms = a->retry_ms});
    else if (a->status == ADMISSION_UNKNOWN || a->status == ADMISSION_GONE)
        answer_error(c, GATEWAY_NOT_FOUND, NULL);
    else
        answer_json(c, 200,
                    json_pack("{s:s, s:I, s:b}", "token", check->token, "attempts", (json_int_t)a->attempts, "resolved",
                              a->resolved),
                    NULL);
    free(check);
}

void check_token(struct conn *c, const struct head *h)
{
    struct span raw = {h->path.data + strlen(c->route->path), h->path.len - strlen(c->route->path)};
    char decoded[128], hash[TOKEN_HASH_SIZE];
    ssize_t n = query_decode(raw, false, decoded, sizeof(decoded));
    struct token_check *check = calloc(1, sizeof(*check));

    if (check == NULL || n < 0 || token_canonical((struct span){decoded, (size_t)n}, check->token) < 0 ||
        token_hash(check->token, hash) < 0) {
        free(check);
        answer_error(c, GATEWAY_NOT_FOUND, NULL);
        return;
    }
    check->conn = c;
    struct attempts_limits limits;
    char network[ADDRESS_NET_SIZE];
    conn_limits(c, network, &limits);
    question_ask(c->lane, hash, &limits, on_status, check);
}

static const char *storage_state(struct gateway *g)
{
    int64_t room = 0;
    int err = room_left(g->room, &room);

    if (err < 0)
        return err == -EROFS ? "read-only" : "unreachable";
    if (room_fails(g->room))
        return "failing";
    return room > g->config.storage_reserve ? "ok" : "full"; /* by the same rule no upload is let in */
}

/* A connection that stands may lead to a server that does not answer, or takes nothing: it is asked each time. */
static void on_probed(void *arg, const redisReply *reply, int err)
{
    struct conn *c = arg;
    const char *redis = redis_reply_state(err == -ENOTCONN ? redis_link_error(c->lane->link) : err),
               *storage = storage_state(c->lane->gateway);
    bool ready = strcmp(redis, "ok") == 0 && strcmp(storage, "ok") == 0;
    const char *status = c->lane->draining ? "draining" : ready ? "ok" : "unavailable";
    (void)reply;
    answer_json(c, ready && !c->lane->draining ? 200 : 503,
                json_pack("{s:s, s:{s:s, s:s}}", "status", status, "stores", "redis", redis, "storage", storage), NULL);
}

void check_ready(struct conn *c, const struct head *h)
{
    const char *argv[] = REDIS_PROBE;
    (void)h;
    redis_link_command(c->lane->link, 0, sizeof(argv) / sizeof(argv[0]), argv, on_probed, c);
}

/* What is not counted as it happens. */
static void take_gauges(struct gateway *g)
{
    int64_t room = 0;

    if (room_left(g->room, &room) < 0)
        room = 0;
    metric_set(&gateway_metrics[GATEWAY_METRIC_BYTES_COMING], atomic_load(&g->coming) - promises_of_others());
    metric_set(&gateway_metrics[GATEWAY_METRIC_RECEIVE_WAITING], (int64_t)pool_waiting(g->receivers));
    metric_set(&gateway_metrics[GATEWAY_METRIC_PUBLISH_WAITING], (int64_t)pool_waiting(g->publishers));
    metric_set(&gateway_metrics[GATEWAY_METRIC_STORAGE_FREE], room);
    metric_set(&gateway_metrics[GATEWAY_METRIC_TLS_EXPIRES], g->tls == NULL ? 0 : tls_expires(g->tls));
}

void check_metrics(struct conn *c, const struct head *h)
{
    size_t len = 0, more = 0;
    (void)h;
    take_gauges(c->lane->gateway);
    char *text = metrics_render(gateway_metric_rows, gateway_metrics, GATEWAY_METRICS, &len);
    char *histograms = histograms_render(gateway_histogram_rows, gateway_histograms, GATEWAY_HISTOGRAMS, &more);
    char *whole = metrics_join(text, len, histograms, more);
    if (whole == NULL)
        answer_error(c, GATEWAY_UNAVAILABLE, NULL);
    else
        answer_text(c, 200, "text/plain; version=0.0.4; charset=utf-8", whole, len + more);
    free(whole);
}

/* Assets have no bodies in their requests: one that comes with a body is refused here. */
void serve_asset(struct conn *c, const struct head *h)
{
    (void)h;
    if (c->body_left != 0)
        answer_error(c, GATEWAY_BAD_REQUEST, NULL);
    else
        conn_relay_pages(c);
}
