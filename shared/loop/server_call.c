/*
 * A call: the copy of a request that workers see, and its answer on the way back through H2O. The request's pool holds
 * a link to it; when H2O disposes of the request the link is cut, and a worker's late answer is dropped.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/loop/server_internal.h"

/* --- the request, copied --- */

static size_t text_size(const h2o_req_t *req)
{
    size_t n = req->input.method.len + req->input.path.len + req->input.authority.len + 3;
    for (size_t i = 0; i < req->headers.size; ++i)
        n += req->headers.entries[i].name->len + req->headers.entries[i].value.len + 2;
    return n;
}

static const char *put(char **at, const char *bytes, size_t len)
{
    char *start = *at;
    if (len > 0)
        memcpy(start, bytes, len);
    start[len] = '\0';
    *at += len + 1;
    return start;
}

static int copy_head(struct server_call *c, const h2o_req_t *req)
{
    size_t room = req->headers.size * sizeof(c->fields[0]);
    c->text = malloc(text_size(req));
    c->fields = malloc(room + 1);
    if (c->text == NULL || c->fields == NULL)
        return -ENOMEM;
    char *at = c->text;
    c->method = put(&at, req->input.method.base, req->input.method.len);
    c->target = put(&at, req->input.path.base, req->input.path.len);
    c->host = put(&at, req->input.authority.base, req->input.authority.len);
    for (size_t i = 0; i < req->headers.size; ++i) {
        const h2o_header_t *h = req->headers.entries + i;
        struct head_field *f = c->fields + i;
        f->name = (struct span){put(&at, h->name->base, h->name->len), h->name->len};
        f->value = (struct span){put(&at, h->value.base, h->value.len), h->value.len};
    }
    c->field_count = req->headers.size;
    return 0;
}

static int copy_body(struct server_call *c, const h2o_req_t *req)
{
    if (req->entity.base == NULL || req->entity.len == 0)
        return 0;
    c->body = malloc(req->entity.len + 1);
    if (c->body == NULL)
        return -ENOMEM;
    memcpy(c->body, req->entity.base, req->entity.len);
    c->body[req->entity.len] = '\0';
    c->body_len = req->entity.len;
    return 0;
}

void peer_of(h2o_conn_t *conn, char out[PEER_SIZE])
{
    struct sockaddr_storage address;
    const struct sockaddr_in *v4 = (const void *)&address;
    const struct sockaddr_in6 *v6 = (const void *)&address;

    out[0] = '\0';
    if (conn->callbacks->get_peername(conn, (void *)&address) == 0)
        return;
    if (address.ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, out, PEER_SIZE);
    else if (address.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, out, PEER_SIZE);
    else if (address.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, out, PEER_SIZE);
}

struct link { /* in the request's pool */
    struct server_call *call;
};

static void on_request_disposed(void *link)
{
    struct server_call *c = ((struct link *)link)->call;
    c->req = NULL;
    if (!c->in_job)
        call_free(c);
}

struct server_call *call_new(struct server_loop *home, h2o_req_t *req)
{
    struct server_call *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->home = home;
    if (copy_head(c, req) < 0 || copy_body(c, req) < 0) {
        free(c->text);
        free(c->fields);
        free(c->body);
        free(c);
        return NULL;
    }
    peer_of(req->conn, c->peer);
    c->is_head = strcmp(c->method, "HEAD") == 0;
    c->status = 500;
    c->req = req;
    ((struct link *)h2o_mem_alloc_shared(&req->pool, sizeof(struct link), on_request_disposed))->call = c;
    ++home->calls;
    return c;
}

void server_reset(struct server_call *c)
{
    if (c->source)
        c->source->free(c->source);
    else
        free(c->bytes);
    c->source = NULL;
    c->bytes = NULL;
    c->len = 0;
    c->length = 0;
    for (size_t i = 0; i < c->header_count; ++i) {
        free(c->headers[i].name);
        free(c->headers[i].value);
    }
    c->header_count = 0;
}

void call_free(struct server_call *c)
{
    struct server_loop *home = c->home;
    const struct server_options *o = &home->server->options;

    o->callbacks->on_end(c, o->arg);
    server_reset(c);
    free(c->text);
    free(c->fields);
    free(c->body);
    free(c);
    --home->calls;
    server_loop_look(home);
}

/* --- the answer --- */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } rows[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); ++i)
        if (rows[i].status == status)
            return rows[i].reason;
    return "Status";
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    struct server_call *c = H2O_STRUCT_FROM_MEMBER(struct server_call, generator, generator);
    (void)req;
    jobs_add(c->home->server->jobs, c, true);
}

static void begin(struct server_call *c)
{
    h2o_req_t *req = c->req;
    bool bodiless = c->status == 204 || c->status == 304;

    req->res.status = c->status;
    req->res.reason = reason_of(c->status);
    req->res.content_length = bodiless || c->length < 0 ? SIZE_MAX : (size_t)c->length;
    for (size_t i = 0; i < c->header_count; ++i) {
        const char *name = c->headers[i].name, *value = c->headers[i].value;
        size_t len = strlen(name);
        char *lower = h2o_strdup(&req->pool, name, len).base;
        h2o_strtolower(lower, len);
        h2o_add_header_by_str(&req->pool, &req->res.headers, lower, len, 1, name, value, strlen(value));
    }
    c->generator.proceed = on_proceed;
    h2o_start_response(req, &c->generator);
}

void call_send(struct server_call *c)
{
    h2o_iovec_t piece = {c->bytes, c->len};
    bool first = c->req->_generator == NULL;
    h2o_send_state_t state = H2O_SEND_STATE_FINAL;

    if (first)
        begin(c);
    if (c->is_head || c->status == 204 || c->status == 304)
        piece.len = 0;
    else if (c->source && c->piece != 0)
        state = c->piece < 0 ? H2O_SEND_STATE_ERROR : H2O_SEND_STATE_IN_PROGRESS;
    c->sent += piece.len;
    h2o_send(c->req, &piece, piece.len > 0, state); /* may dispose of the request, and so of the call */
}

void on_call_returned(struct loop_message *message)
{
    struct server_call *c = H2O_STRUCT_FROM_MEMBER(struct server_call, message, message);
    c->in_job = false;
    if (c->req == NULL)
        call_free(c);
    else
        call_send(c);
}

void server_status(struct server_call *c, int status)
{
    c->status = status;
}

int server_get_status(const struct server_call *c)
{
    return c->status;
}

int server_header(struct server_call *c, const char *name, const char *value)
{
    if (value[strcspn(value, "\r\n")] != '\0')
        return -EINVAL;
    if (c->header_count == SERVER_MAX_HEADERS)
        return -ENOMEM;
    char *n = strdup(name), *v = strdup(value);
    if (n == NULL || v == NULL) {
        free(n);
        free(v);
        return -ENOMEM;
    }
    c->headers[c->header_count].name = n;
    c->headers[c->header_count++].value = v;
    return 0;
}

void server_answer(struct server_call *c, char *bytes, size_t len)
{
    c->bytes = bytes;
    c->len = len;
    c->length = (int64_t)len;
}

void server_stream(struct server_call *c, struct server_source *source, int64_t length)
{
    c->source = source;
    c->length = length;
}

const char *server_method(const struct server_call *c)
{
    return c->method;
}

const char *server_target(const struct server_call *c)
{
    return c->target;
}

const char *server_host(const struct server_call *c)
{
    return c->host;
}

const char *server_peer(const struct server_call *c)
{
    return c->peer;
}

const struct head_field *server_fields(const struct server_call *c, size_t *count)
{
    *count = c->field_count;
    return c->fields;
}

char *server_body(struct server_call *c, size_t *len)
{
    *len = c->body_len;
    return c->body;
}

void server_drop_body(struct server_call *c)
{
    free(c->body);
    c->body = NULL;
    c->body_len = 0;
}

void server_set_data(struct server_call *c, void *data)
{
    c->data = data;
}

void *server_data(const struct server_call *c)
{
    return c->data;
}

uint64_t server_bytes_sent(const struct server_call *c)
{
    return c->sent;
}
