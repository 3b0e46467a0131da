/*
 * The server's loops: each accepts on the shared address, hands sockets to H2O's HTTP/1 and turns its requests into
 * calls. h2o_accept, which would sniff for HTTP/2, is not used.
 */
#include "shared/loop/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/loop/server_internal.h"
#include "shared/net/address.h"

#define BACKLOG        511
#define PAUSE_MS       100   /* of accepting, when descriptors or places are out */
#define STALLED_MS     60000 /* a peer that acknowledges nothing for so long is gone */
#define FIRST_CALL_MS  1000  /* that a connection accepted before the end has for its first request */
#define BODY_IN_MEMORY (1024 * 1024)

/* H2O has no way to close idle connections or destroy an evloop: what is left lives until the process ends. */
static struct server *ended;

/* --- connections --- */

struct connection { /* what we know of one of H2O's */
    struct server_loop *home;
    bool is_fresh; /* had no request yet */
};

static void asked(struct connection *k)
{
    k->home->fresh -= k->is_fresh;
    k->is_fresh = false;
}

static void on_connection_closed(void *data)
{
    struct connection *k = data;
    struct server_loop *l = k->home;
    asked(k);
    free(k);
    --l->connections;
    server_loop_look(l);
}

static void take_connection(struct server_loop *l, int fd)
{
    struct timeval now;
    int on = 1, stalled = STALLED_MS;
    struct connection *k = malloc(sizeof(*k));

    if (k == NULL) {
        close(fd);
        return;
    }
    *k = (struct connection){.home = l, .is_fresh = true};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stalled, sizeof(stalled));
    h2o_socket_t *sock = h2o_evloop_socket_create(l->loop->ctx.loop, fd, 0);
    sock->on_close.cb = on_connection_closed;
    sock->on_close.data = k;
    ++l->connections;
    ++l->fresh;
    gettimeofday(&now, NULL);
    h2o_http1_accept(&l->loop->accept, sock, now);
}

static void on_acceptable(struct sock *s, int err);

static void on_pause_over(struct loop_timer *t)
{
    struct server_loop *l = H2O_STRUCT_FROM_MEMBER(struct server_loop, pause, t);
    if (l->listener != NULL)
        sock_poll_read(l->listener, on_acceptable);
}

static void on_acceptable(struct sock *s, int err)
{
    struct server_loop *l = sock_data(s);

    for (int i = 0; i < 16 && err == 0 && l->connections < l->most_connections; ++i) {
        int fd = accept4(sock_fd(s), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            take_connection(l, fd);
        else if (errno == EAGAIN)
            return;
        else if (errno != ECONNABORTED && errno != EINTR)
            err = -errno;
    }
    if (err != 0 || l->connections >= l->most_connections) {
        sock_stop_read(s);
        loop_timer_start(l->loop, &l->pause, PAUSE_MS, on_pause_over);
    }
}

/* --- requests --- */

struct handler {
    h2o_handler_t super;
    struct server_loop *home;
};

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    struct server_loop *l = ((struct handler *)handler)->home;
    const struct server_options *o = &l->server->options;
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);

    if (sock != NULL && sock->on_close.cb == on_connection_closed)
        asked(sock->on_close.data);
    if (!head_is_strict(req))
        return 0;
    struct server_call *c = call_new(l, req);
    if (c == NULL) {
        h2o_send_error_503(req, "Service Unavailable", "out of memory", H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION);
        return 0;
    }
    bool answered = o->callbacks->on_call(c, o->arg);
    if (!answered && !jobs_add(l->server->jobs, c, false)) {
        o->callbacks->on_overload(c, o->arg);
        answered = true;
    }
    if (answered)
        call_send(c);
    return 0;
}

static int configure(struct loop *loop, h2o_hostconf_t *host, void *arg)
{
    h2o_globalconf_t *config = &loop->config;
    struct server_loop *l = arg;
    const struct server_options *o = &l->server->options;

    config->server_name = h2o_iovec_init(o->name, strlen(o->name));
    config->max_request_entity_size = o->max_body;
    config->http1.req_timeout = o->request_timeout_ms;
    h2o_pathconf_t *root = h2o_config_register_path(host, "/", 0);
    struct handler *handler = (void *)h2o_create_handler(root, sizeof(*handler));
    handler->super.on_req = on_request;
    handler->home = l;
    refusal_register(host, l);
    return 0;
}

/* --- threads --- */

static void close_listener(struct server_loop *l)
{
    loop_timer_stop(&l->pause);
    sock_close(l->listener);
    l->listener = NULL;
}

static void end(struct server_loop *l)
{
    if (!l->ended)
        loop_stop(l->loop);
    l->ended = true;
}

void server_loop_look(struct server_loop *l)
{
    if (l->stopping && l->calls == 0 && (l->fresh == 0 || l->grace_over))
        end(l);
}

static void on_grace_over(struct loop_timer *t)
{
    struct server_loop *l = H2O_STRUCT_FROM_MEMBER(struct server_loop, grace, t);
    l->grace_over = true; /* from now on calls alone count */
    server_loop_look(l);
}

static void on_drained(struct loop_timer *t)
{
    end(H2O_STRUCT_FROM_MEMBER(struct server_loop, drain, t));
}

static void on_stop(struct loop_message *m)
{
    struct server_loop *l = H2O_STRUCT_FROM_MEMBER(struct server_loop, stop, m);

    l->stopping = true;
    close_listener(l);
    l->loop->ctx.shutdown_requested = 1;
    loop_timer_start(l->loop, &l->grace, l->drain_ms < FIRST_CALL_MS ? l->drain_ms : FIRST_CALL_MS, on_grace_over);
    loop_timer_start(l->loop, &l->drain, l->drain_ms, on_drained);
    server_loop_look(l);
}

static int init_loop(void *arg, struct loop **out)
{
    struct server_loop *l = arg;
    int err = loop_new_configured(&l->loop, configure, l);
    if (err < 0)
        return err;
    int fd = fcntl(l->server->options.listener, F_DUPFD_CLOEXEC, 0);
    l->listener = fd < 0 ? NULL : sock_new(l->loop, fd, l);
    if (l->listener == NULL) {
        err = fd < 0 ? -errno : -ENOMEM;
        loop_free(l->loop);
        return err;
    }
    sock_poll_read(l->listener, on_acceptable);
    *out = l->loop;
    return 0;
}

static int start_loop(struct server *s, struct server_loop *l)
{
    l->server = s;
    l->most_connections = s->options.max_connections / s->options.loops + 1;
    return loop_thread_start(&l->thread, init_loop, l);
}

/* --- the address --- */

static int bind_one(const struct addrinfo *a)
{
    int on = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int err = -errno;
    close(fd);
    return err;
}

int server_listen(const char *text, char *why, size_t why_size)
{
    char host[256];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    const char *colon = strrchr(text, ':');
    bool brackets = text[0] == '[' && colon != NULL && colon > text + 1 && colon[-1] == ']';
    int n =
        colon == NULL ? -1 : snprintf(host, sizeof(host), "%.*s", (int)(colon - text - 2 * brackets), text + brackets);

    if (n < 0 || (size_t)n >= sizeof(host)) {
        snprintf(why, why_size, "cannot listen on %s: give host:port", text);
        return -EINVAL;
    }
    int bad = getaddrinfo(host[0] == '\0' ? NULL : host, colon + 1, &hints, &found);
    if (bad != 0) {
        snprintf(why, why_size, "cannot listen on %s: %s", text, gai_strerror(bad));
        return -EADDRNOTAVAIL;
    }
    int fd = bind_one(found);
    freeaddrinfo(found);
    if (fd < 0)
        snprintf(why, why_size, "cannot listen on %s: %s", text, address_listen_advice(fd));
    return fd;
}

static unsigned port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {.sin6_family = AF_UNSPEC}};
    socklen_t len = sizeof(address);

    if (getsockname(fd, &address.any, &len) < 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

int server_start(const struct server_options *options, struct server **out, char *why, size_t why_size)
{
    struct server *s = calloc(1, sizeof(*s));
    struct server_loop *loops = calloc(options->loops, sizeof(*loops));
    int listener = options->listener, err = -ENOMEM;

    snprintf(why, why_size, "out of memory");
    if (s == NULL || loops == NULL)
        goto failed;
    h2o_socket_buffer_mmap_settings.threshold = BODY_IN_MEMORY; /* larger bodies lie in unlinked files */
    s->options = *options;
    s->loops = loops;
    s->port = port_of(listener);
    err = jobs_start(s, &s->jobs);
    for (; err == 0 && s->started < options->loops; ++s->started)
        if ((err = start_loop(s, loops + s->started)) < 0)
            break;
    if (err == 0) {
        close(listener);
        *out = s;
        return 0;
    }
    snprintf(why, why_size, "cannot start the server's threads: %s", strerror(-err));
failed:
    close(listener);
    if (s != NULL && s->started > 0) {
        server_stop(s, 0);
        return err;
    }
    if (s != NULL)
        jobs_stop(s->jobs);
    free(loops);
    free(s);
    return err;
}

void server_stop(struct server *s, uint32_t drain_ms)
{
    for (unsigned i = 0; i < s->started; ++i) {
        s->loops[i].drain_ms = drain_ms;
        s->loops[i].stop.run = on_stop;
        loop_post(s->loops[i].loop, &s->loops[i].stop);
    }
    for (unsigned i = 0; i < s->started; ++i)
        pthread_join(s->loops[i].thread, NULL);
    jobs_stop(s->jobs);
    s->jobs = NULL;
    s->next_ended = ended;
    ended = s;
}

unsigned server_port(const struct server *s)
{
    return s->port;
}

void server_load(const struct server *s, struct server_load *out)
{
    *out = (struct server_load){.jobs_waiting = jobs_waiting(s->jobs)};
    for (unsigned i = 0; i < s->started; ++i)
        out->connections += s->loops[i].connections;
}
