/* Listening and accepting; see door.h. */
#include "services/upload-gw/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "services/upload-gw/conn.h"
#include "services/upload-gw/metrics.h"
#include "services/upload-gw/networks.h"
#include "shared/log/log.h"
#include "shared/net/address.h"
#include "shared/net/cidr.h"
#include "shared/net/inherit.h"

#define BACKLOG         4096
#define ACCEPTS_A_TURN  64
#define PAUSE_MS        100
#define USER_TIMEOUT_MS 60000 /* a client that acknowledges nothing for this long is gone (TCP_USER_TIMEOUT) */

static int bind_unix(const char *path, char *why, size_t why_size)
{
    struct stat st;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        snprintf(why, why_size, "the path is longer than %zu bytes: name a shorter one", sizeof(address.sun_path) - 1);
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN) {
        snprintf(why, why_size, "another process listens there already: stop it, or give another path");
        close(fd);
        return -EADDRINUSE;
    }
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path); /* of a process that was killed */
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0) {
        int err = -errno;
        snprintf(why, why_size, "%s", address_socket_advice(err));
        close(fd);
        return err;
    }
    return fd;
}

static int bind_address(const struct addrinfo *a, char *why, size_t why_size)
{
    int on = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        int err = -errno;
        snprintf(why, why_size, "%s", address_listen_advice(err));
        close(fd);
        return err;
    }
    return fd;
}

int door_listen(const char *where, char *why, size_t why_size)
{
    char host[256];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(where, ':');

    if (strncmp(where, "unix:", 5) == 0)
        return bind_unix(where + 5, why, why_size);
    size_t len = colon == NULL ? sizeof(host) : (size_t)(colon - where);
    bool bracketed = len >= 2 && where[0] == '[' && where[len - 1] == ']';
    if (len >= sizeof(host) || (!bracketed && memchr(where, ':', len) != NULL)) {
        snprintf(why, why_size, "give address:port, [v6]:port or unix:/path");
        return -EINVAL;
    }
    snprintf(host, sizeof(host), "%.*s", (int)(bracketed ? len - 2 : len), where + (bracketed ? 1 : 0));
    int err = getaddrinfo(host[0] == '\0' ? NULL : host, colon + 1, &hints, &found);
    if (err != 0) {
        snprintf(why, why_size, "%s", gai_strerror(err));
        return -EINVAL;
    }
    int fd = bind_address(found, why, why_size);
    freeaddrinfo(found);
    return fd;
}

static void client_text(const struct sockaddr_storage *peer, char *out, socklen_t size)
{
    const void *address = NULL;
    if (peer->ss_family == AF_INET)
        address = &((const struct sockaddr_in *)(const void *)peer)->sin_addr;
    else if (peer->ss_family == AF_INET6)
        address = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    if (address == NULL || inet_ntop(peer->ss_family, address, out, size) == NULL)
        snprintf(out, size, "unix");
}

static void on_connection(struct sock *s, int err);

static void on_pause_over(struct loop_timer *t)
{
    struct lane *lane = (struct lane *)(void *)((char *)t - offsetof(struct lane, accept_pause));
    if (lane->listener != NULL)
        sock_poll_read(lane->listener, on_connection);
    if (lane->status_listener != NULL)
        sock_poll_read(lane->status_listener, on_connection);
}

/* EMFILE, ENFILE, ENOMEM: without a pause the loop would spin on listeners that stay readable. */
static void pause_accepting(struct lane *lane, int err)
{
    COUNT(ACCEPT_PAUSES);
    log_warn("accept.paused", LOG_E(err), LOG_I("connections", lane->conn_count));
    if (lane->listener != NULL)
        sock_stop_read(lane->listener);
    if (lane->status_listener != NULL)
        sock_stop_read(lane->status_listener);
    loop_timer_start(lane->loop, &lane->accept_pause, PAUSE_MS, on_pause_over);
}

static bool is_trusted(const struct gateway *g, const struct sockaddr_storage *peer)
{
    struct address a;
    return address_of_peer((const struct sockaddr *)(const void *)peer, &a) < 0 || cidr_list_has(g->trusted, &a);
}

/* Connections beyond the limits may still be told so; twice as many are not even that. A proxy's are its clients'. */
static bool admit(struct gateway *g, const struct sockaddr_storage *peer, const char *client, struct network **network,
                  enum gateway_error *too_many)
{
    unsigned now = 0, all = atomic_load_explicit(&g->connections, memory_order_relaxed);
    if (all >= 2 * g->max_connections)
        return false;
    if (!is_trusted(g, peer)) {
        *network = networks_enter(g->networks, client, NETWORK_CONNECTIONS, 2 * g->max_per_network, &now);
        if (*network == NULL)
            return false;
    }
    *too_many = now > g->max_per_network ? GATEWAY_CROWDED : all >= g->max_connections ? GATEWAY_BUSY : GATEWAY_OK;
    return true;
}

static void on_connection(struct sock *s, int err)
{
    struct lane *lane = sock_data(s);
    bool status_port = s == lane->status_listener;

    for (int i = 0; i < ACCEPTS_A_TURN && err == 0; ++i) {
        struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
        socklen_t len = sizeof(peer);
        unsigned user_timeout = USER_TIMEOUT_MS;
        int on = 1;
        char client[INET6_ADDRSTRLEN];
        struct network *network = NULL;
        enum gateway_error too_many = GATEWAY_OK;
        int fd = accept4(sock_fd(s), (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                pause_accepting(lane, errno);
            return; /* EAGAIN: another lane was quicker; the rest belongs to the connection that failed */
        }
        client_text(&peer, client, sizeof(client));
        if (!status_port && !admit(lane->gateway, &peer, client, &network, &too_many)) {
            COUNT(CONNECTIONS_BUSY);
            close(fd); /* even the refusals are too many */
            continue;
        }
        if (peer.ss_family != AF_UNIX) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof(user_timeout));
        }
        conn_open(lane, fd, status_port, client, network, too_many);
    }
}

int door_open(struct lane *lane, int fd, bool status_port)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return -errno;
    struct sock *s = sock_new(lane->loop, own, lane);
    if (s == NULL) {
        close(own);
        return -ENOMEM;
    }
    if (status_port)
        lane->status_listener = s;
    else
        lane->listener = s;
    sock_poll_read(s, on_connection);
    return 0;
}

/* The status port stays, to look at the draining; unless the next process has it too, whose probes it would answer. */
void door_close(struct lane *lane)
{
    int shared;
    char why[128];
    loop_timer_stop(&lane->accept_pause);
    sock_close(lane->listener);
    lane->listener = NULL;
    if (lane->status_listener == NULL || inherit_listener(INHERIT_STATUS, &shared, why, sizeof(why)) == 0)
        return;
    sock_close(lane->status_listener);
    lane->status_listener = NULL;
}
