/* A health check's question; see probe.h. */
#include "shared/net/probe.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/clock/clock.h"

#define ANSWER_MOST 4096 /* head and body */
#define TIMEOUT_MS  3000 /* less than a health check's usual patience */

static int wait_for(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left = deadline - clock_steady_ms();
    int n = left <= 0 ? 0 : poll(&p, 1, (int)left);
    return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
}

/* A socket whose connection is made or under way. */
static int connect_to(const struct sockaddr *address, socklen_t len, int64_t deadline)
{
    int err = 0;
    socklen_t size = sizeof(err);
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, address, len) < 0)
        err = -errno;
    if (err == -EINPROGRESS && (err = wait_for(fd, POLLOUT, deadline)) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) == 0)
        err = -err;
    if (err == 0)
        return fd;
    close(fd);
    return err;
}

static int open_unix(const char *path, int64_t deadline)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path));
    return connect_to((const struct sockaddr *)&address, sizeof(address), deadline);
}

static int open_where(const char *where, int64_t deadline)
{
    char host[256];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(where, ':');
    bool bracketed = where[0] == '[' && colon != NULL && colon > where + 1 && colon[-1] == ']';

    if (strncmp(where, "unix:", 5) == 0)
        return open_unix(where + 5, deadline);
    if (colon == NULL || (size_t)(colon - where) >= sizeof(host))
        return -EINVAL;
    snprintf(host, sizeof(host), "%.*s", (int)(colon - where) - 2 * bracketed, where + bracketed);
    if (getaddrinfo(host[0] == '\0' ? NULL : host, colon + 1, &hints, &found) != 0)
        return -EADDRNOTAVAIL;
    int fd = connect_to(found->ai_addr, found->ai_addrlen, deadline); /* the kernel takes "any" for loopback */
    freeaddrinfo(found);
    return fd;
}

static int send_question(int fd, const char *path, int64_t deadline)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    if (len < 0 || (size_t)len >= sizeof(text))
        return -EINVAL;
    int err = wait_for(fd, POLLOUT, deadline);
    ssize_t n = err < 0 ? 0 : send(fd, text, (size_t)len, MSG_NOSIGNAL); /* fits any socket's buffer */
    return err < 0 ? err : n == len ? 0 : n < 0 ? -errno : -EPIPE;
}

static int read_all(int fd, char text[ANSWER_MOST], int64_t deadline)
{
    size_t used = 0;
    ssize_t n = 1;
    int err = 0;

    while (n > 0 && used < ANSWER_MOST - 1 && (err = wait_for(fd, POLLIN, deadline)) == 0) {
        n = recv(fd, text + used, ANSWER_MOST - 1 - used, 0);
        if (n > 0)
            used += (size_t)n;
        else if (n < 0 && (errno == EINTR || errno == EAGAIN))
            n = 1;
        else if (n < 0)
            return -errno;
    }
    text[used] = '\0';
    return err;
}

static int take_apart(const char *text, struct probe_answer *out)
{
    const char *body = strstr(text, "\r\n\r\n");
    if (body == NULL || strncmp(text, "HTTP/1.", 7) != 0 || strlen(text) < 12)
        return -EPROTO;
    long status = strtol(text + 9, NULL, 10); /* RFC 9112 4: three digits */
    if (status < 100 || status > 999)
        return -EPROTO;
    out->status = (int)status;
    snprintf(out->body, sizeof(out->body), "%s", body + 4);
    return 0;
}

int probe_ask(const char *where, const char *path, unsigned timeout_ms, struct probe_answer *out, char *why,
              size_t why_size)
{
    char text[ANSWER_MOST];
    int64_t deadline = clock_steady_ms() + timeout_ms;
    int fd = open_where(where, deadline);
    int err = fd < 0 ? fd : send_question(fd, path, deadline);

    if (err == 0)
        err = read_all(fd, text, deadline);
    if (err == 0)
        err = take_apart(text, out);
    if (fd >= 0)
        close(fd);
    if (err < 0)
        snprintf(why, why_size, "%s: %s", where,
                 err == -ETIMEDOUT ? "no answer in time"
                 : err == -EPROTO  ? "what answers there does not speak plain HTTP"
                                   : strerrordesc_np(-err));
    return err;
}

int probe_health(const char *status, const char *service, bool ready, char *why, size_t why_size)
{
    struct probe_answer answer;
    bool off = strcmp(status, "off") == 0;

    if (off && ready) {
        snprintf(why, why_size, "the status listener is off: only it knows of the stores");
        return -EINVAL;
    }
    int err = probe_ask(off ? service : status, ready ? "/readyz" : "/api/v1/check/health/", TIMEOUT_MS, &answer, why,
                        why_size);
    if (err < 0)
        return err;
    snprintf(why, why_size, "%s", answer.body);
    return answer.status == 200 ? 0 : -EAGAIN;
}
