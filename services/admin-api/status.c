/*
 * Readiness and metrics; see status.h. Every request looks at the stores anew: a probe that answered from memory would
 * say what was. One worker, so that a store that hangs holds up nobody but the prober.
 */
#include "services/admin-api/status.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/storage/storage.h"
#include "shared/db/db.h"
#include "shared/log/log.h"
#include "shared/loop/server.h"
#include "shared/redis/reply.h"

#define CONNECTIONS 16
#define JOBS        8
#define TIMEOUT_MS  10000
#define BODY_MOST   1024

struct status {
    const struct admin *admin;
    struct server *server; /* NULL: ADMIN_STATUS_LISTEN is off */
    pthread_mutex_t lock;  /* of api: it may end while it is looked at */
    const struct server *api;
    bool inherited; /* the next process has the listener too */
    atomic_bool draining;
};

/* --- the stores --- */

static int look_at_database(const struct admin *admin)
{
    char why[256];
    int err = db_ping(admin->db, why, sizeof(why));
    return err < 0 ? err : db_writable(admin->db);
}

static int look_at_redis(const struct admin *admin)
{
    return storage_redis_ready(admin->storage);
}

static int look_at_storage(const struct admin *admin)
{
    return storage_ready(admin->storage);
}

static const char *state_of_disk(int err)
{
    return err == 0 ? "ok" : err == -ENOSPC ? "full" : err == -EROFS ? "read-only" : "unreachable";
}

static const struct {
    const char *name;
    enum admin_metric up;
    int (*look)(const struct admin *admin);
    const char *(*state)(int err);
} stores[] = {
    {"database", ADMIN_METRIC_DATABASE_UP, look_at_database, state_of_disk},
    {"redis", ADMIN_METRIC_REDIS_UP, look_at_redis, redis_reply_state},
    {"storage", ADMIN_METRIC_STORAGE_UP, look_at_storage, state_of_disk},
};

#define STORES (sizeof(stores) / sizeof(stores[0]))

/* "ok", or what is wrong. */
static const char *look_at(const struct admin *admin, size_t i)
{
    int err = stores[i].look(admin);
    metric_set(&admin_metrics[stores[i].up], err == 0);
    return stores[i].state(err);
}

/* --- answers --- */

static void send_text(struct server_call *c, int status, const char *type, char *text, size_t len)
{
    if (text == NULL || server_header(c, "Content-Type", type) < 0 ||
        server_header(c, "Cache-Control", "no-store") < 0) {
        free(text);
        server_reset(c);
        server_status(c, 500);
        return;
    }
    server_status(c, status);
    server_answer(c, text, len);
}

static void send_json(struct server_call *c, int status, json_t *body)
{
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    json_decref(body);
    send_text(c, status, "application/json", text, text == NULL ? 0 : strlen(text));
}

static void answer_health(struct server_call *c, struct status *s)
{
    (void)s;
    send_json(c, 200, json_pack("{s:s}", "status", "ok"));
}

static void answer_ready(struct server_call *c, struct status *s)
{
    json_t *states = json_object();
    bool ready = true;

    for (size_t i = 0; i < STORES; ++i) {
        const char *state = look_at(s->admin, i);
        ready &= strcmp(state, "ok") == 0;
        if (json_object_set_new(states, stores[i].name, json_string(state)) < 0)
            ready = false;
    }
    const char *status = atomic_load(&s->draining) ? "draining" : ready ? "ok" : "unavailable";
    send_json(c, strcmp(status, "ok") == 0 ? 200 : 503, json_pack("{s:s,s:o}", "status", status, "stores", states));
}

/* What is not counted as it happens. */
static void take_gauges(struct status *s)
{
    struct storage_info info = {.total = 0};
    struct server_load load = {.connections = 0};

    for (size_t i = 0; i < STORES; ++i)
        (void)look_at(s->admin, i);
    if (storage_info(s->admin->storage, &info) < 0)
        log_warn("metrics.storage", LOG_S("why", "the storage cannot be looked at"));
    pthread_mutex_lock(&s->lock);
    if (s->api != NULL)
        server_load(s->api, &load);
    pthread_mutex_unlock(&s->lock);
    const struct {
        enum admin_metric id;
        int64_t value;
    } gauges[] = {
        {ADMIN_METRIC_STORAGE_TOTAL, info.total},       {ADMIN_METRIC_STORAGE_FREE, info.free},
        {ADMIN_METRIC_SPOOLED, info.spooled},           {ADMIN_METRIC_SPOOL_OLDEST, info.spooled_oldest_s},
        {ADMIN_METRIC_ORPHANS, info.orphans},           {ADMIN_METRIC_CONNECTIONS, load.connections},
        {ADMIN_METRIC_JOBS_WAITING, load.jobs_waiting},
    };
    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); ++i)
        metric_set(&admin_metrics[gauges[i].id], gauges[i].value);
}

static void answer_metrics(struct server_call *c, struct status *s)
{
    size_t len = 0, more = 0;

    take_gauges(s);
    char *text = metrics_render(admin_metric_rows, admin_metrics, ADMIN_METRIC_COUNT, &len);
    char *histograms = histograms_render(admin_histogram_rows, admin_histograms, ADMIN_HISTOGRAM_COUNT, &more);
    char *whole = metrics_join(text, len, histograms, more);

    send_text(c, 200, "text/plain; version=0.0.4; charset=utf-8", whole, len + more);
}

/* --- routes --- */

struct status_route {
    const char *path;
    void (*answer)(struct server_call *c, struct status *s);
    bool at_once; /* from the loop: that we live must not wait for a store that hangs */
};

static const struct status_route routes[] = {
    {"/readyz", answer_ready, false},
    {"/metrics", answer_metrics, false},
    {"/api/v1/check/health/", answer_health, true},
};

static const struct status_route *route_of(struct server_call *c)
{
    const char *target = server_target(c);
    size_t len = strcspn(target, "?");

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); ++i)
        if (strlen(routes[i].path) == len && memcmp(routes[i].path, target, len) == 0)
            return routes + i;
    return NULL;
}

static bool only_reads(struct server_call *c)
{
    const char *method = server_method(c);
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static void on_job(struct server_call *c, void *arg)
{
    const struct status_route *route = route_of(c);

    if (!only_reads(c))
        send_json(c, 405, json_pack("{s:s}", "detail", "Only GET and HEAD are answered here."));
    else if (route != NULL)
        route->answer(c, arg);
    else
        send_json(c, 404,
                  json_pack("{s:s}", "detail", "Not found. There are /readyz, /metrics and /api/v1/check/health/."));
}

static bool on_call(struct server_call *c, void *arg)
{
    const struct status_route *route = route_of(c);
    bool now = route != NULL && route->at_once && only_reads(c);

    if (now)
        route->answer(c, arg);
    return now;
}

static void on_overload(struct server_call *c, void *arg)
{
    (void)arg;
    server_status(c, 503);
}

static const char *on_refusal(int status, const char *peer, const char **type, void *arg)
{
    (void)status;
    (void)peer;
    (void)type;
    (void)arg;
    return NULL;
}

static void on_end(struct server_call *c, void *arg)
{
    (void)c;
    (void)arg;
}

static const struct server_callbacks callbacks = {
    .on_call = on_call, .on_job = on_job, .on_overload = on_overload, .on_refusal = on_refusal, .on_end = on_end};

/* --- start and end --- */

int status_start(const struct admin *admin, struct status **out, char *why, size_t why_size)
{
    char reason[256] = "";
    struct status *s = calloc(1, sizeof(*s));
    struct server_options options = {
        .listener = admin->status.fd,
        .name = "logs-collector",
        .loops = 1,
        .workers = 1,
        .max_connections = CONNECTIONS,
        .max_jobs = JOBS,
        .max_body = BODY_MOST,
        .request_timeout_ms = TIMEOUT_MS,
        .callbacks = &callbacks,
        .arg = s,
    };
    snprintf(why, why_size, "out of memory");
    if (s == NULL)
        return -ENOMEM;
    pthread_mutex_init(&s->lock, NULL);
    s->admin = admin;
    s->inherited = admin->status.inherited;
    int err = admin->status.fd < 0 ? 0 : server_start(&options, &s->server, reason, sizeof(reason));
    if (err < 0) {
        snprintf(why, why_size, "ADMIN_STATUS_LISTEN: %s", reason);
        free(s);
        return err;
    }
    *out = s;
    return 0;
}

void status_watch(struct status *s, const struct server *api)
{
    pthread_mutex_lock(&s->lock);
    s->api = api;
    pthread_mutex_unlock(&s->lock);
}

static void end_listening(struct status *s)
{
    if (s->server != NULL)
        server_stop(s->server, 0);
    s->server = NULL;
}

void status_drain(struct status *s)
{
    atomic_store(&s->draining, true);
    status_watch(s, NULL);
    if (s->inherited)
        end_listening(s);
}

void status_stop(struct status *s)
{
    if (s == NULL)
        return;
    end_listening(s);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
