/*
 * Sockets as sources of readiness. H2O_SOCKET_FLAG_DONT_READ keeps H2O's own reader, which loops into a doubling
 * buffer, out of the way; the caller reads and writes the descriptor itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "shared/loop/internal.h"

struct sock *sock_new(struct loop *l, int fd, void *data)
{
    struct sock *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->loop = l;
    s->data = data;
    s->h2o = h2o_evloop_socket_create(l->ctx.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    s->h2o->data = s;
    return s;
}

int sock_fd(const struct sock *s)
{
    return h2o_socket_get_fd(s->h2o);
}

void *sock_data(const struct sock *s)
{
    return s->data;
}

struct loop *sock_loop(const struct sock *s)
{
    return s->loop;
}

static void on_readable(h2o_socket_t *h2o, const char *err)
{
    struct sock *s = h2o->data;
    if (s->is_paused)
        h2o_socket_read_stop(h2o); /* what is there is told when somebody reads again */
    else
        s->on_readable(s, err == NULL ? 0 : -EIO);
}

void sock_poll_read(struct sock *s, sock_cb cb)
{
    s->on_readable = cb;
    s->is_paused = false;
    if (!h2o_socket_is_reading(s->h2o))
        h2o_socket_read_start(s->h2o, on_readable);
}

/* A pause in which nothing comes, as between a small request and its answer, costs no epoll_ctl. */
void sock_stop_read(struct sock *s)
{
    s->is_paused = true;
}

bool sock_is_reading(const struct sock *s)
{
    return !s->is_paused && h2o_socket_is_reading(s->h2o) != 0;
}

static void on_writable(h2o_socket_t *h2o, const char *err)
{
    struct sock *s = h2o->data;
    s->on_writable(s, err == NULL ? 0 : -EIO);
}

void sock_poll_write(struct sock *s, sock_cb cb)
{
    s->on_writable = cb;
    h2o_socket_notify_write(s->h2o, on_writable);
}

bool sock_is_writing(const struct sock *s)
{
    return h2o_socket_is_writing(s->h2o) != 0;
}

void sock_close(struct sock *s)
{
    if (s == NULL)
        return;
    h2o_socket_close(s->h2o);
    free(s);
}

void sock_hand_over(struct sock *s, const char *bytes, size_t len)
{
    h2o_socket_t *h2o = s->h2o;
    struct loop *l = s->loop;
    struct timeval now;

    h2o_socket_read_stop(h2o);
    h2o_iovec_t room = h2o_buffer_reserve(&h2o->input, len);
    memcpy(room.base, bytes, len);
    h2o->input->size += len;
    h2o_socket_dont_read(h2o, 0);
    h2o->data = NULL;
    free(s);
    gettimeofday(&now, NULL);
    h2o_http1_accept(&l->accept, h2o, now); /* handles at once what is already in the buffer */
}
