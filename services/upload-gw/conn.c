/* Connections: heads in, answers out, and an end that lets the client read the answer; see conn.h. */
#include "services/upload-gw/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/upload-gw/answer.h"
#include "services/upload-gw/handshake.h"
#include "services/upload-gw/metrics.h"
#include "services/upload-gw/networks.h"
#include "services/upload-gw/routes.h"
#include "shared/log/log.h"
#include "shared/loop/pages.h"
#include "shared/net/client.h"
#include "shared/redis/attempts.h"

#define FIRST_REQUEST_MS 1000 /* that a new connection has for it once we are draining */
#define LINGER_BYTES     (4u << 20)
#define LINGER_MS        2000

static void on_head_readable(struct sock *s, int err);
static void on_pages_readable(struct sock *s, int err);
static void on_next(struct loop_timer *t);
static void process(struct conn *c, size_t len);

static void on_timeout(struct loop_timer *t)
{
    struct conn *c = (struct conn *)(void *)((char *)t - offsetof(struct conn, timer));
    if (c->lingering || c->held_len == 0 || c->out != NULL) {
        conn_close(c);
        return;
    }
    sock_stop_read(c->sock);
    c->keep = false;
    answer_error(c, GATEWAY_TIMEOUT, NULL);
}

static uint32_t config_ms(int64_t ms)
{
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void await_head(struct conn *c, int64_t ms)
{
    loop_timer_start(c->lane->loop, &c->timer, config_ms(ms), on_timeout);
    if (!sock_is_reading(c->sock))
        sock_poll_read(c->sock, on_head_readable);
}

void conn_begin(struct conn *c)
{
    await_head(c, c->lane->gateway->config.head_timeout);
    if (wire_holds(&c->wire))
        loop_timer_start(c->lane->loop, &c->timer, 0, on_next);
}

static struct conn *open_conn(struct lane *lane, int fd, bool status_port, const char *peer, struct network *network,
                              enum gateway_error too_many)
{
    struct conn *c = calloc(1, sizeof(*c));
    if (c == NULL || (c->sock = sock_new(lane->loop, fd, c)) == NULL) {
        networks_leave(lane->gateway->networks, network, NETWORK_CONNECTIONS);
        free(c);
        close(fd);
        return NULL;
    }
    c->lane = lane;
    c->wire.fd = fd;
    c->status_port = status_port;
    c->waiting = true;
    c->network = network;
    c->too_many = too_many;
    snprintf(c->peer, sizeof(c->peer), "%s", peer);
    memcpy(c->client, c->peer, sizeof(c->client));
    c->next = lane->conns;
    if (c->next != NULL)
        c->next->prev = c;
    lane->conns = c;
    ++lane->conn_count;
    atomic_fetch_add(&lane->gateway->connections, 1);
    COUNT(CONNECTIONS);
    COUNT_BY(CONNECTIONS_OPEN, 1);
    return c;
}

void conn_open(struct lane *lane, int fd, bool status_port, const char *peer, struct network *network,
               enum gateway_error too_many)
{
    struct conn *c = open_conn(lane, fd, status_port, peer, network, too_many);
    if (c != NULL && lane->gateway->tls != NULL && !status_port)
        handshake_begin(c);
    else if (c != NULL)
        conn_begin(c);
}

void conn_open_inner(struct lane *lane, int fd, const char *peer)
{
    struct conn *c = open_conn(lane, fd, false, peer, NULL, GATEWAY_OK);
    if (c != NULL)
        conn_begin(c);
}

/* Takes the connection off its lane. */
static void forget(struct conn *c)
{
    handshake_forget(c);
    loop_timer_stop(&c->timer);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        c->lane->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    --c->lane->conn_count;
    atomic_fetch_sub(&c->lane->gateway->connections, 1);
    networks_leave(c->lane->gateway->networks, c->network, NETWORK_CONNECTIONS);
    COUNT_BY(CONNECTIONS_OPEN, -1);
    wire_dispose(&c->wire);
    free(c->held);
    free(c->out);
    free(c);
}

void conn_close(struct conn *c)
{
    sock_close(c->pages);
    c->pages = NULL;
    struct sock *s = c->sock;
    forget(c);
    sock_close(s);
}

int conn_hold(struct conn *c, const char *bytes, size_t len)
{
    char *held = len == 0 ? NULL : malloc(len);
    if (len > 0 && held == NULL)
        return -ENOMEM;
    if (len > 0)
        memcpy(held, bytes, len);
    free(c->held);
    c->held = held;
    c->held_len = len;
    return 0;
}

static void on_linger_readable(struct sock *s, int err)
{
    struct conn *c = sock_data(s);
    ssize_t n = err < 0 ? -1 : recv(sock_fd(s), c->lane->scratch, sizeof(c->lane->scratch), MSG_DONTWAIT);
    if (n < 0 && err == 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        conn_close(c);
    else if ((c->discarded += (unsigned)n) >= LINGER_BYTES)
        sock_stop_read(s); /* it may wait until our time is over: a close now would be a reset */
}

/*
 * RFC 9112 9.6: closing while the client still sends would reset the connection and lose the answer. Who sends more
 * than is thrown away here finds the line full, and then reads it.
 */
void conn_linger(struct conn *c)
{
    if (wire_end(&c->wire) < 0) {
        conn_close(c);
        return;
    }
    c->lingering = true;
    loop_timer_start(c->lane->loop, &c->timer, LINGER_MS, on_timeout);
    sock_poll_read(c->sock, on_linger_readable);
}

static void on_next(struct loop_timer *t)
{
    struct conn *c = (struct conn *)(void *)((char *)t - offsetof(struct conn, timer));
    size_t len = c->held_len;
    if (len == 0) { /* something is in the wire's own buffer */
        await_head(c, c->lane->gateway->config.head_timeout);
        on_head_readable(c->sock, 0);
        return;
    }
    memcpy(c->lane->scratch, c->held, len);
    c->held_len = 0;
    process(c, len);
}

static void log_request(const struct conn *c)
{
    enum log_level level = c->status >= 500 ? LOG_LEVEL_WARN : c->status_port ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    log_write(level, "request",
              LOG_FIELDS(LOG_S("route", c->route == NULL ? "none" : c->route->path), LOG_I("status", c->status),
                         LOG_I("ms", loop_now(c->lane->loop) - c->began), LOG_S("client", c->client)));
}

static void answered(struct conn *c)
{
    free(c->out);
    c->out = NULL;
    if (c->pages != NULL) {
        sock_poll_read(c->pages, on_pages_readable);
        return;
    }
    log_request(c);
    if (!c->keep) {
        conn_linger(c);
        return;
    }
    c->route = NULL;
    c->headers = NULL;
    c->plain = c->form = false;
    c->head_only = false;
    c->waiting = c->served = true;
    if (c->held_len > 0 || wire_holds(&c->wire)) /* by a timer, so that pipelined requests do not recurse */
        loop_timer_start(c->lane->loop, &c->timer, 0, on_next);
    else
        await_head(c, c->lane->gateway->config.keepalive_timeout);
}

static void send_more(struct conn *c);

static void on_writable(struct sock *s, int err)
{
    struct conn *c = sock_data(s);
    if (err < 0)
        conn_close(c);
    else
        send_more(c);
}

static void send_more(struct conn *c)
{
    while (c->out_at < c->out_len) {
        ssize_t n = wire_send(&c->wire, c->out + c->out_at, c->out_len - c->out_at);
        if (n > 0) {
            c->out_at += (size_t)n;
        } else if (n == -EAGAIN) {
            loop_timer_start(c->lane->loop, &c->timer, config_ms(c->lane->gateway->config.head_timeout), on_timeout);
            sock_poll_write(c->sock, on_writable);
            return;
        } else {
            conn_close(c);
            return;
        }
    }
    loop_timer_stop(&c->timer);
    answered(c);
}

void conn_send(struct conn *c, char *bytes, size_t len, int status)
{
    c->status = status;
    c->out = bytes;
    c->out_len = len;
    c->out_at = 0;
    send_more(c);
}

static void refuse_head(struct conn *c, ssize_t error, const char *why)
{
    static const enum gateway_error map[] = {[-HEAD_BAD] = GATEWAY_BAD_HEAD,
                                             [-HEAD_TOO_LARGE] = GATEWAY_HEAD_TOO_LARGE,
                                             [-HEAD_VERSION] = GATEWAY_VERSION,
                                             [-HEAD_EXPECTATION] = GATEWAY_EXPECTATION,
                                             [-HEAD_CODING] = GATEWAY_CODING};
    c->keep = false;
    c->body_left = -1;
    answer_error(c, map[-error], &(struct answer_context){.why = why});
}

static void redirect_to_slash(struct conn *c, const struct head *h)
{
    char location[HEAD_MAX_BYTES + 64];
    snprintf(location, sizeof(location), "Location: %.*s/%s%.*s\r\n", (int)h->path.len, h->path.data,
             h->query.data != NULL ? "?" : "", (int)h->query.len, h->query.data != NULL ? h->query.data : "");
    answer_empty(c, 301, location);
}

static void find_client(struct conn *c, const struct head *h)
{
    struct span hops[HEAD_MAX_FIELDS];
    size_t count = 0;
    for (size_t i = 0; i < h->field_count; ++i)
        if (span_equals_nocase(h->fields[i].name, "x-forwarded-for"))
            hops[count++] = h->fields[i].value;
    client_address(c->lane->gateway->trusted, c->peer, hops, count, c->client);
}

void conn_limits(const struct conn *c, char network[ADDRESS_NET_SIZE], struct attempts_limits *out)
{
    const struct gateway_config *config = &c->lane->gateway->config;
    address_net_of(c->client, network);
    *out = (struct attempts_limits){.network = network,
                                    .failed_tokens = config->failed_tokens,
                                    .window_ms = config->failed_tokens_window,
                                    .uploads = config->max_uploads_per_ticket};
}

void conn_read_form(struct conn *c, const struct head *h)
{
    c->form = accept_wanted(h) == ACCEPT_HTML;
    c->language = accept_language(h);
}

static void answer_lost(struct conn *c, const struct head *h)
{
    if (!c->status_port)
        conn_read_form(c, h);
    answer_error(c, GATEWAY_NOT_FOUND, NULL);
}

static void dispatch(struct conn *c, const struct head *h)
{
    enum route_port port = c->status_port ? ROUTE_STATUS : ROUTE_PUBLIC;
    enum route_method method = route_method(h->method);
    char name[32];

    find_client(c, h);
    c->keep = h->keep_alive;
    c->head_only = method == ROUTE_HEAD;
    c->body_left = h->chunked ? -1 : h->content_length > 0 ? h->content_length : 0;
    c->route = route_find(port, h->path);
    if (c->too_many != GATEWAY_OK) {
        COUNT(CONNECTIONS_BUSY);
        c->keep = false;
        answer_error(c, c->too_many, NULL);
    } else if (c->route == NULL) {
        if (route_lacks_slash(port, h->path) && (method == ROUTE_GET || method == ROUTE_HEAD))
            redirect_to_slash(c, h);
        else
            answer_lost(c, h);
    } else if (method == ROUTE_OPTIONS) {
        if (c->route->options != NULL)
            c->route->options(c, h);
        else
            answer_empty(c, 200, "");
    } else if (method == ROUTE_OTHER || c->route->handlers[method] == NULL) {
        snprintf(name, sizeof(name), "%.*s", (int)h->method.len, h->method.data);
        answer_error(c, GATEWAY_METHOD, &(struct answer_context){.method = name});
    } else {
        c->route->handlers[method](c, h);
    }
}

/* scratch[0..len) holds what was read so far. */
static void process(struct conn *c, size_t len)
{
    struct head head;
    const char *why = NULL;

    if (c->waiting) {
        c->waiting = false;
        c->began = loop_now(c->lane->loop);
    }
    ssize_t n = head_parse(c->lane->scratch, len, &head, &why);
    size_t used = n > 0 ? (size_t)n : 0;
    if (n == 0 && len == sizeof(c->lane->scratch))
        n = HEAD_TOO_LARGE;
    if (n >= 0 && conn_hold(c, c->lane->scratch + used, len - used) < 0) {
        conn_close(c);
        return;
    }
    if (n == 0) {
        if (!sock_is_reading(c->sock)) /* the time a head may take is not prolonged by its bytes */
            await_head(c, c->lane->gateway->config.head_timeout);
        return;
    }
    sock_stop_read(c->sock);
    loop_timer_stop(&c->timer);
    if (n < 0) {
        refuse_head(c, n, why);
        return;
    }
    c->lane->head_len = used;
    dispatch(c, &head);
}

static void on_head_readable(struct sock *s, int err)
{
    struct conn *c = sock_data(s);
    struct lane *lane = c->lane;

    if (c->held_len > 0)
        memcpy(lane->scratch, c->held, c->held_len);
    ssize_t n = err < 0 ? 0 : wire_recv(&c->wire, lane->scratch + c->held_len, sizeof(lane->scratch) - c->held_len);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        conn_close(c);
        return;
    }
    if (c->waiting) /* the first bytes of a head: from now on it has HEAD_TIMEOUT */
        loop_timer_start(lane->loop, &c->timer, config_ms(lane->gateway->config.head_timeout), on_timeout);
    process(c, c->held_len + (size_t)n);
}

static int status_of(const char *answer, size_t len)
{
    static const char begin[] = "HTTP/1.1 ";
    return len > sizeof(begin) + 3 && memcmp(answer, begin, sizeof(begin) - 1) == 0
               ? (int)strtol(answer + sizeof(begin) - 1, NULL, 10)
               : 0;
}

/* H2O's answer on its way to the client, a piece at a time: the next one is read when this one is sent. */
static void on_pages_readable(struct sock *s, int err)
{
    struct conn *c = sock_data(s);
    ssize_t n = err < 0 ? 0 : recv(sock_fd(s), c->lane->scratch, sizeof(c->lane->scratch), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    char *piece = n > 0 ? malloc((size_t)n) : NULL;
    if (piece == NULL) {
        sock_close(c->pages);
        c->pages = NULL;
        c->keep = false;
        answered(c);
        return;
    }
    memcpy(piece, c->lane->scratch, (size_t)n);
    sock_stop_read(s);
    conn_send(c, piece, (size_t)n, c->status != 0 ? c->status : status_of(piece, (size_t)n));
}

void conn_relay_pages(struct conn *c)
{
    int ends[2];
    struct sock *theirs = NULL;
    c->status = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0) {
        if ((c->pages = sock_new(c->lane->loop, ends[0], c)) == NULL)
            close(ends[0]);
        if (c->pages == NULL || (theirs = sock_new(c->lane->loop, ends[1], NULL)) == NULL)
            close(ends[1]);
    }
    if (theirs == NULL) {
        sock_close(c->pages);
        c->pages = NULL;
        answer_error(c, GATEWAY_UNAVAILABLE, NULL);
        return;
    }
    sock_poll_read(c->pages, on_pages_readable);
    pages_serve(theirs, c->lane->scratch, c->lane->head_len);
}

/* Between requests, and nothing of the next one has come. */
static bool is_idle(const struct conn *c)
{
    char byte;
    return c->waiting && c->held_len == 0 && recv(sock_fd(c->sock), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

void conn_drain(struct lane *lane)
{
    for (struct conn *c = lane->conns, *next; c != NULL; c = next) {
        next = c->next;
        c->keep = false;
        if (!is_idle(c))
            continue;
        if (c->served)
            conn_close(c);
        else /* accepted a moment ago: its first request is on the way */
            loop_timer_start(lane->loop, &c->timer, FIRST_REQUEST_MS, on_timeout);
    }
}
