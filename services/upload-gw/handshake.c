/* Handshakes; see handshake.h. */
#include "services/upload-gw/handshake.h"

#include <errno.h>
#include <sys/socket.h>

#include "services/upload-gw/answer.h"
#include "services/upload-gw/metrics.h"
#include "shared/log/log.h"
#include "shared/tls/tls.h"

static void proceed(struct conn *c);

static void on_late(struct loop_timer *t)
{
    struct conn *c = (struct conn *)(void *)((char *)t - offsetof(struct conn, timer));
    COUNT(TLS_LATE);
    conn_close(c);
}

static void on_ready(struct sock *s, int err)
{
    struct conn *c = sock_data(s);
    if (err < 0)
        conn_close(c);
    else
        proceed(c);
}

void handshake_forget(struct conn *c)
{
    if (!c->handshaking)
        return;
    c->handshaking = false;
    TAILQ_REMOVE(&c->lane->handshakes, c, handshakes);
    --c->lane->handshake_count;
}

/* A handshake begins with 22 (RFC 8446 5.1), a request with a capital letter: whoever speaks HTTP here is told so. */
static bool speaks_http(struct conn *c)
{
    unsigned char first;
    return recv(c->wire.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first >= 'A' && first <= 'Z';
}

static void refuse_http(struct conn *c)
{
    handshake_forget(c);
    sock_stop_read(c->sock);
    loop_timer_stop(&c->timer);
    c->waiting = c->keep = false;
    c->began = loop_now(c->lane->loop);
    answer_error(c, GATEWAY_TLS_EXPECTED, NULL);
}

static void succeed(struct conn *c)
{
    handshake_forget(c);
    COUNT(TLS_DONE);
    sock_stop_read(c->sock);
    conn_begin(c);
}

static void proceed(struct conn *c)
{
    if (c->wire.tls == NULL && speaks_http(c)) {
        refuse_http(c);
        return;
    }
    if (c->wire.tls == NULL && (c->wire.tls = tls_session_new(c->lane->gateway->tls, c->wire.fd)) == NULL) {
        conn_close(c);
        return;
    }
    switch (tls_handshake(c->wire.tls)) {
    case 0:
        succeed(c);
        break;
    case -EAGAIN:
        if (!sock_is_reading(c->sock))
            sock_poll_read(c->sock, on_ready);
        break;
    case -EINPROGRESS:
        sock_stop_read(c->sock);
        if (!sock_is_writing(c->sock))
            sock_poll_write(c->sock, on_ready);
        break;
    default:
        handshake_forget(c);
        COUNT(TLS_FAILED);
        log_debug("tls.failed", LOG_S("client", c->peer));
        conn_linger(c);
    }
}

void handshake_begin(struct conn *c)
{
    struct lane *lane = c->lane;
    const struct gateway_config *config = &lane->gateway->config;
    unsigned most = (unsigned)config->tls_handshakes / lane->gateway->lane_count + 1;

    if (lane->handshake_count >= most) {
        COUNT(TLS_DROPPED);
        conn_close(TAILQ_FIRST(&lane->handshakes));
    }
    c->handshaking = true;
    TAILQ_INSERT_TAIL(&lane->handshakes, c, handshakes);
    ++lane->handshake_count;
    loop_timer_start(lane->loop, &c->timer, (uint32_t)config->tls_handshake_timeout, on_late);
    sock_poll_read(c->sock, on_ready);
}
