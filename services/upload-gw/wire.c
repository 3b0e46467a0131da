/* Reading and writing a connection; see wire.h. */
#include "services/upload-gw/wire.h"

#include <errno.h>
#include <sys/socket.h>

#include "shared/tls/tls.h"

ssize_t wire_recv(struct wire *w, void *buffer, size_t size)
{
    ssize_t n;
    if (w->tls != NULL)
        return tls_recv(w->tls, buffer, size);
    do
        n = recv(w->fd, buffer, size, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t wire_send(struct wire *w, const void *bytes, size_t len)
{
    ssize_t n;
    if (w->tls != NULL)
        return tls_send(w->tls, bytes, len);
    do
        n = send(w->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

void wire_wait_for(struct wire *w, int least)
{
    int wanted = least > 0 ? least : 1;
    if (least != w->least && setsockopt(w->fd, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof(wanted)) == 0)
        w->least = least;
}

bool wire_holds(const struct wire *w)
{
    return w->tls != NULL && tls_holds(w->tls);
}

int wire_end(struct wire *w)
{
    if (w->tls != NULL)
        tls_end(w->tls);
    return shutdown(w->fd, SHUT_WR) < 0 ? -errno : 0;
}

void wire_dispose(struct wire *w)
{
    if (w->tls != NULL)
        tls_end(w->tls);
    tls_session_free(w->tls);
    w->tls = NULL;
}
