/* Reading and writing a connection; see wire.h. */
#include "services/upload-gw/wire.h"

#include <errno.h>
#include <sys/socket.h>

ssize_t wire_recv(struct wire *w, void *buffer, size_t size)
{
    ssize_t n;
    do
        n = recv(w->fd, buffer, size, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t wire_send(struct wire *w, const void *bytes, size_t len)
{
    ssize_t n;
    do
        n = send(w->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

bool wire_holds(const struct wire *w)
{
    (void)w;
    return false;
}

int wire_end(struct wire *w)
{
    return shutdown(w->fd, SHUT_WR) < 0 ? -errno : 0;
}
