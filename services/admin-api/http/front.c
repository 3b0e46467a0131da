/*
 * A request's way: host, path, query and method on the event loop; negotiation, identity and the handler in a worker.
 * Refusals come in the order that clients of the published contract know: 406, 401, 403, 405, then the handler's.
 */
#include "services/admin-api/http/front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/http/access.h"
#include "services/admin-api/http/answer.h"
#include "services/admin-api/http/handlers.h"
#include "services/admin-api/http/host.h"
#include "services/admin-api/http/pages.h"
#include "services/admin-api/http/routes.h"
#include "services/admin-api/metrics.h"
#include "shared/clock/clock.h"
#include "shared/http/query.h"
#include "shared/log/log.h"
#include "shared/net/client.h"

struct front {
    const struct admin *admin;
    struct cidr_list *proxies;
    char *refusals[3]; /* bodies for what H2O refuses: 400, 413, 417 */
};

struct passage { /* an exchange and what the front keeps beside it */
    struct exchange x;
    struct route_match match;
};

static const struct {
    int status;
    enum api_error id;
} refusal_rows[3] = {{400, API_HTTP}, {413, API_REQUEST_TOO_LARGE}, {417, API_EXPECTATION}};

/* --- from the head --- */

const struct span *exchange_header(const struct exchange *x, const char *lowercase_name)
{
    size_t count;
    const struct head_field *fields = server_fields(x->call, &count);

    for (size_t i = 0; i < count; ++i)
        if (span_equals(fields[i].name, lowercase_name))
            return &fields[i].value;
    return NULL;
}

#define HOPS 8 /* X-Forwarded-For fields that count; one is usual */

static void find_client(const struct front *f, struct exchange *x)
{
    struct span forwarded[HOPS];
    size_t count, hops = 0;
    const struct head_field *fields = server_fields(x->call, &count);

    for (size_t i = count; i-- > 0 && hops < HOPS;) /* the last ones are nearest to us */
        if (span_equals(fields[i].name, "x-forwarded-for"))
            forwarded[HOPS - ++hops] = fields[i].value;
    client_address(f->proxies, server_peer(x->call), forwarded + HOPS - hops, hops, x->client);
}

static bool peer_is_trusted(const struct front *f, const struct exchange *x)
{
    struct address peer;
    const char *text = server_peer(x->call);
    return address_parse((struct span){text, strlen(text)}, &peer) == 0 && cidr_list_has(f->proxies, &peer);
}

static int find_base_url(const struct front *f, struct exchange *x)
{
    const char *fixed = f->admin->config->public_url, *host = server_host(x->call);
    const struct span *scheme = exchange_header(x, "x-forwarded-proto");
    bool https = scheme != NULL && span_equals_nocase(*scheme, "https") && peer_is_trusted(f, x);
    int n;

    if (fixed[0] != '\0') {
        size_t len = strlen(fixed);
        n = asprintf(&x->base_url, "%.*s", (int)(len - (fixed[len - 1] == '/')), fixed);
    } else {
        n = asprintf(&x->base_url, "http%s://%s", https ? "s" : "", host[0] == '\0' ? "localhost" : host);
    }
    return n < 0 ? -ENOMEM : 0;
}

/* --- on the event loop --- */

static bool is_api(const struct passage *p)
{
    return strncmp(p->match.rows->path, "/api/", 5) == 0;
}

/* Is there such a path with a slash at its end? 1, 0 or negative. */
static int lacks_slash(struct exchange *x)
{
    char path[2048];
    struct route_match match;

    if (x->path.len + 1 >= sizeof(path) || x->path.len == 0 || x->path.data[x->path.len - 1] == '/')
        return 0;
    memcpy(path, x->path.data, x->path.len);
    path[x->path.len] = '/';
    int found = route_match((struct span){path, x->path.len + 1}, x->params, &match);
    if (found == 1)
        route_allow(&match, x->allow, sizeof(x->allow));
    return found < 0 ? 0 : found;
}

static int redirect_to_slash(struct exchange *x)
{
    char *location;
    const char *query = server_target(x->call) + x->path.len;

    if (asprintf(&location, "%.*s/%s", (int)x->path.len, x->path.data, query) < 0)
        return -ENOMEM;
    int err = answer_location(x, 301, location);
    free(location);
    return err;
}

static const struct route lost = {
    .method = METHOD_GET, .path = "unknown", .access = ACCESS_PUBLIC, .thread = ROUTE_PAGE, .handler = page_lost};

/* The query is read by the API alone: what a page makes of it is the page's business. 1; 0: answered; negative. */
static int read_query(struct passage *p, struct span query)
{
    struct exchange *x = &p->x;
    const char *why = NULL;
    int err = query_parse(is_api(p) ? query : (struct span){"", 0}, &x->query, &why);

    if (err == -ENOMEM)
        return err;
    return err < 0 ? answer_error(x, API_BAD_QUERY, err == -E2BIG ? "more than 500 parameters" : why) : 1;
}

/* Without rows for the path. 1: a page says so, from a worker; 0: answered; negative. */
static int find_nothing(struct passage *p, bool is_broken)
{
    struct exchange *x = &p->x;

    if (!is_broken && lacks_slash(x))
        return redirect_to_slash(x);
    if (page_is_wanted(x)) {
        p->match = (struct route_match){&lost, 1};
        return read_query(p, (struct span){"", 0});
    }
    return is_broken ? answer_error(x, API_BAD_PATH, "a broken percent escape") : answer_error(x, API_NOT_FOUND, NULL);
}

/* 1: there are rows for it; 0: answered; negative. */
static int find_route(struct passage *p)
{
    struct exchange *x = &p->x;
    const char *target = server_target(x->call);
    size_t len = strcspn(target, "?");
    struct span query = {target + len + (target[len] == '?'), strlen(target + len + (target[len] == '?'))};

    x->path = (struct span){target, len};
    int found = route_match(x->path, x->params, &p->match);
    if (found < 1)
        return find_nothing(p, found < 0);
    route_allow(&p->match, x->allow, sizeof(x->allow));
    return read_query(p, query);
}

/* Does the client take what the API speaks? Pages see to it themselves. 1: go on; 0: answered; negative. */
static int negotiate(struct passage *p)
{
    const struct span *accept = exchange_header(&p->x, "accept");
    const char *format = query_get(p->x.query, "format"); /* another one than JSON is not there, clients of old know */

    if (!is_api(p) || p->match.rows->thread == ROUTE_PAGE)
        return 1;
    if (format != NULL && format[0] != '\0' && strcmp(format, "json") != 0)
        return answer_error(&p->x, API_NOT_FOUND, NULL);
    return accepts(accept == NULL ? NULL : accept->data, "application/json")
               ? 1
               : answer_error(&p->x, API_NOT_ACCEPTABLE, NULL);
}

static int begin(struct front *f, struct passage *p)
{
    struct exchange *x = &p->x;

    find_client(f, x);
    if (!host_is_ours(server_host(x->call), f->admin->config->allowed_hosts, f->admin->config->public_url))
        return answer_error(x, API_BAD_HOST, NULL);
    int err = find_base_url(f, x);
    if (err == 0)
        err = find_route(p);
    if (err < 1)
        return err;
    x->route = route_for(&p->match, x->method);
    /* Who may is found out by a worker: a row that is not public never answers from here. */
    if (x->route == NULL || x->route->thread != ROUTE_LOOP || x->route->access != ACCESS_PUBLIC)
        return 1;
    err = negotiate(p);
    return err == 1 ? x->route->handler(x) : err;
}

/* The last step of every answer. */
static void finish(struct passage *p, int err)
{
    struct exchange *x = &p->x;

    if (err == 0)
        err = answer_common(x);
    if (err < 0) {
        server_reset(x->call);
        err = answer_failure(x, err);
        if (err == 0)
            err = answer_common(x);
    }
    if (err < 0) { /* memory: an empty 500 */
        server_reset(x->call);
        server_status(x->call, 500);
        x->failure = err;
    }
}

static bool on_call(struct server_call *c, void *arg)
{
    struct front *f = arg;
    struct passage *p = calloc(1, sizeof(*p));

    server_set_data(c, p);
    if (p == NULL) {
        server_status(c, 503);
        return true;
    }
    p->x = (struct exchange){
        .call = c, .admin = f->admin, .method = method_of(server_method(c)), .now_us = clock_now_us()};
    snprintf(p->x.allow, sizeof(p->x.allow), "%s", ANSWER_ALLOW_UNKNOWN);
    int err = begin(f, p);
    if (err == 1)
        return false;
    finish(p, err);
    return true;
}

static void on_overload(struct server_call *c, void *arg)
{
    struct passage *p = server_data(c);
    (void)arg;
    finish(p, answer_error(&p->x, API_BUSY, NULL));
}

/* --- in a worker --- */

int exchange_db(struct exchange *x, struct db_conn **out)
{
    int err = x->db != NULL ? 0 : db_acquire(x->admin->db, &x->db);
    *out = x->db;
    return err;
}

static int handle(struct passage *p)
{
    struct exchange *x = &p->x;
    size_t len;
    char limit[24];

    int allowed = negotiate(p);
    if (allowed == 1)
        allowed = access_check(x, x->route != NULL ? x->route->access : p->match.rows->access);
    if (allowed < 1)
        return allowed;
    if (x->route == NULL && x->method == METHOD_OPTIONS)
        return describe_route(x);
    if (x->route == NULL)
        return answer_error(x, API_METHOD, server_method(x->call));
    server_body(x->call, &len);
    if (len > x->route->body_limit && x->route->body_limit > 0) {
        snprintf(limit, sizeof(limit), "%zu", x->route->body_limit);
        return answer_error(x, API_BODY_TOO_LARGE, limit);
    }
    return x->route->handler(x);
}

static void on_job(struct server_call *c, void *arg)
{
    struct passage *p = server_data(c);
    (void)arg;

    finish(p, handle(p));
    db_release(p->x.db);
    p->x.db = NULL;
    server_drop_body(c);
}

/* --- what stays behind --- */

/* What is refused before it is a request: no row, no method, nothing that could be trusted of it. */
static const char *on_refusal(int status, const char *peer, const char **type, void *arg)
{
    struct front *f = arg;

    if (status >= 400) {
        ADMIN_COUNT(REQUESTS_MALFORMED);
        metric_add(&admin_metrics[status >= 500 ? ADMIN_METRIC_REQUESTS_5XX : ADMIN_METRIC_REQUESTS_4XX], 1);
        log_info("request.refused", LOG_I("status", status), LOG_S("client", peer));
    }

    *type = "application/json";
    for (size_t i = 0; i < sizeof(refusal_rows) / sizeof(refusal_rows[0]); ++i)
        if (refusal_rows[i].status == status)
            return f->refusals[i];
    return NULL;
}

/* No path in the log: it may hold an upload token. The row's pattern says as much as is needed. */
static void on_end(struct server_call *c, void *arg)
{
    static const enum admin_metric classes[] = {ADMIN_METRIC_REQUESTS_2XX, ADMIN_METRIC_REQUESTS_3XX,
                                                ADMIN_METRIC_REQUESTS_4XX, ADMIN_METRIC_REQUESTS_5XX};
    struct passage *p = server_data(c);
    int status = server_get_status(c), hundreds = status / 100;
    (void)arg;

    metric_add(&admin_metrics[classes[hundreds >= 2 && hundreds <= 5 ? hundreds - 2 : 3]], 1);
    if (p == NULL)
        return;
    ADMIN_OBSERVE(REQUEST, clock_now_us() - p->x.now_us);
    const struct exchange *x = &p->x;
    const char *route = p->match.rows == NULL ? "unknown" : p->match.rows->path;
    log_write(status >= 500 ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG, "request",
              LOG_FIELDS(LOG_S("method", server_method(c)), LOG_S("route", route), LOG_I("status", status),
                         LOG_I("bytes", server_bytes_sent(c)), LOG_I("us", clock_now_us() - x->now_us),
                         LOG_S("client", x->client), LOG_S("user", x->who.username[0] == '\0' ? NULL : x->who.username),
                         LOG_S("error", x->failure == 0 ? NULL : log_errno_text(x->failure))));
    query_free(p->x.query);
    free(p->x.base_url);
    free(p->x.file_name);
    free(p);
}

const struct server_callbacks front_callbacks = {
    .on_call = on_call,
    .on_job = on_job,
    .on_overload = on_overload,
    .on_refusal = on_refusal,
    .refusal_headers = answer_headers,
    .on_end = on_end,
};

int front_new(const struct admin *admin, struct front **out, char *why, size_t why_size)
{
    struct front *f = calloc(1, sizeof(*f));
    int err = -ENOMEM;

    snprintf(why, why_size, "out of memory");
    if (f == NULL)
        return err;
    f->admin = admin;
    err = cidr_list_parse(admin->config->trusted_proxies, &f->proxies, why, why_size);
    for (size_t i = 0; err == 0 && i < sizeof(refusal_rows) / sizeof(refusal_rows[0]); ++i) {
        json_t *body = error_body(refusal_rows[i].id, NULL);
        f->refusals[i] = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
        json_decref(body);
        err = f->refusals[i] == NULL ? -ENOMEM : 0;
    }
    if (err < 0) {
        front_free(f);
        return err;
    }
    *out = f;
    return 0;
}

void front_free(struct front *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < sizeof(f->refusals) / sizeof(f->refusals[0]); ++i)
        free(f->refusals[i]);
    cidr_list_free(f->proxies);
    free(f);
}
