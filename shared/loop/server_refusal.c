/*
 * Refusals that H2O writes before a request becomes a call get the service's words. It closes such a connection at
 * once, which resets a client that is still sending before it has read why; so a duplicate of the descriptor lingers:
 * the answer out, then what still comes is read and thrown away for a while.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/loop/server_internal.h"

#define LINGER_MS    2000
#define LINGER_BYTES (64 * 1024 * 1024)

struct lingering {
    struct sock *sock;
    struct loop_timer timer;
    size_t left;
};

static void linger_end(struct lingering *g)
{
    loop_timer_stop(&g->timer);
    sock_close(g->sock);
    free(g);
}

static void on_linger_over(struct loop_timer *t)
{
    linger_end(H2O_STRUCT_FROM_MEMBER(struct lingering, timer, t));
}

static void on_leftover(struct sock *s, int err)
{
    struct lingering *g = sock_data(s);
    char waste[16384];

    for (int i = 0; i < 64 && err == 0 && g->left > 0; ++i) {
        ssize_t n = recv(sock_fd(s), waste, sizeof(waste), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            err = -ECONNRESET;
        else
            g->left -= (size_t)n < g->left ? (size_t)n : g->left;
    }
    if (err != 0)
        linger_end(g);
    else if (g->left == 0)
        sock_stop_read(s); /* until the time is over: a close now would be a reset */
}

struct refusal {
    h2o_filter_t super;
    struct server_loop *home;
};

struct words {
    h2o_ostream_t super;
    struct server_loop *home;
    h2o_iovec_t body;
};

/* The answer is on its way out when H2O closes its descriptor; ours says so and listens. */
static void linger_begin(void *data)
{
    struct lingering *g = data;
    shutdown(sock_fd(g->sock), SHUT_WR);
    sock_poll_read(g->sock, on_leftover);
    loop_timer_start(sock_loop(g->sock), &g->timer, LINGER_MS, on_linger_over);
}

struct closing { /* what on_close did before, and the linger that begins then */
    struct lingering *linger;
    void (*cb)(void *data);
    void *data;
};

static void on_closed(void *data)
{
    struct closing *closing = data;
    closing->cb(closing->data);
    linger_begin(closing->linger);
    free(closing);
}

static void arrange_linger(struct server_loop *home, h2o_socket_t *socket)
{
    struct lingering *g = calloc(1, sizeof(*g));
    struct closing *closing = malloc(sizeof(*closing));
    int fd = fcntl(h2o_socket_get_fd(socket), F_DUPFD_CLOEXEC, 0);

    if (g != NULL && closing != NULL && fd >= 0)
        g->sock = sock_new(home->loop, fd, g);
    if (g == NULL || g->sock == NULL || closing == NULL) {
        if (fd >= 0)
            close(fd);
        free(g);
        free(closing);
        return;
    }
    g->left = LINGER_BYTES;
    *closing = (struct closing){.linger = g, .cb = socket->on_close.cb, .data = socket->on_close.data};
    socket->on_close.cb = on_closed;
    socket->on_close.data = closing;
}

static void send_words(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count, h2o_send_state_t state)
{
    struct words *w = (struct words *)self;
    (void)bufs;
    h2o_ostream_send_next(self, req, &w->body, count > 0, state);
}

static void add_headers(h2o_req_t *req, const struct server_header_row *row)
{
    for (; row != NULL && row->name != NULL; ++row) {
        size_t len = strlen(row->name);
        char *lower = h2o_strdup(&req->pool, row->name, len).base;
        h2o_strtolower(lower, len);
        h2o_add_header_by_str(&req->pool, &req->res.headers, lower, len, 1, row->name, row->value, strlen(row->value));
    }
}

static const char *ask_for_words(h2o_req_t *req, const struct server_options *o, const char **type)
{
    char peer[PEER_SIZE];
    peer_of(req->conn, peer);
    return o->callbacks->on_refusal(req->res.status, peer, type, o->arg);
}

static void on_setup(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot)
{
    struct server_loop *home = ((struct refusal *)filter)->home;
    const struct server_options *o = &home->server->options;
    const char *type = NULL;
    const char *body = NULL;

    if (req->_generator->proceed == NULL) /* not a call's */
        body = ask_for_words(req, o, &type);
    if (body != NULL) {
        struct words *w = (struct words *)h2o_add_ostream(req, sizeof(*w), slot);
        w->super.do_send = send_words;
        w->body = h2o_iovec_init(body, strlen(body));
        req->res.content_length = w->body.len;
        h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, type, strlen(type), 1);
        add_headers(req, o->callbacks->refusal_headers);
        slot = &w->super.next;
        arrange_linger(home, req->conn->callbacks->get_socket(req->conn));
    }
    h2o_setup_next_ostream(req, slot);
}

void refusal_register(h2o_hostconf_t *host, struct server_loop *home)
{
    /* Refused before they have a path, or under it. */
    h2o_pathconf_t *places[] = {&host->fallback_path, host->paths.entries};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); ++i) {
        struct refusal *r = (void *)h2o_create_filter(places[i], sizeof(*r));
        r->super.on_setup_ostream = on_setup;
        r->home = home;
    }
}
