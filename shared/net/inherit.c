/* The environment's word on descriptors, checked; see inherit.h. */
#include "shared/net/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST 3
#define MOST  2

/* A positive number, or 0. */
static long number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end = NULL;
    long n = text == NULL ? 0 : strtol(text, &end, 10);
    return text == NULL || end == text || *end != '\0' || n < 0 ? 0 : n;
}

/* Is the n-th descriptor's name "status"? */
static bool is_status(long n)
{
    const char *name = getenv("LISTEN_FDNAMES");
    if (name == NULL || *name == '\0')
        return n == 1;
    for (; n > 0 && name != NULL; --n) {
        name = strchr(name, ':');
        name = name == NULL ? NULL : name + 1;
    }
    size_t len = name == NULL ? 0 : strcspn(name, ":");
    return len == strlen("status") && memcmp(name, "status", len) == 0;
}

static int prepare(int fd, char *why, size_t why_size)
{
    int listening = 0, type = 0;
    socklen_t len = sizeof(listening), type_len = sizeof(type);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 || type != SOCK_STREAM) {
        snprintf(why, why_size, "LISTEN_FDS: descriptor %d is no listening stream socket", fd);
        return -EINVAL;
    }
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return 1;
}

/* A number of 0 or more, 0 too where there is none. */
static bool is_number(const char *text)
{
    return text == NULL || (*text != '\0' && text[strspn(text, "0123456789")] == '\0');
}

int inherit_listener(enum inherit_role role, int *fd, char *why, size_t why_size)
{
    long count = number_of("LISTEN_FDS");
    int found = 0;
    if (number_of("LISTEN_PID") != (long)getpid())
        return 0;
    if (!is_number(getenv("LISTEN_FDS"))) {
        snprintf(why, why_size,
                 "LISTEN_FDS: give the number of sockets handed over, from descriptor 3 on, or leave it out");
        return -EINVAL;
    }
    for (long i = 0; i < count; ++i) {
        if (is_status(i) != (role == INHERIT_STATUS))
            continue;
        *fd = found == 0 ? FIRST + (int)i : *fd;
        ++found;
    }
    if (count > MOST || found > 1) {
        snprintf(why, why_size, "LISTEN_FDS: give one socket for requests and one named status, not %ld", count);
        return -EINVAL;
    }
    return found == 0 ? 0 : prepare(*fd, why, why_size);
}
