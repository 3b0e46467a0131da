/* The client's side of INSTREAM; see clamd.h. */
#include "services/admin-api/scan/clamd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/clock/clock.h"

#define PIECE      (64 * 1024)
#define REPLY_MOST 512

static const char instream[] = "zINSTREAM", ping[] = "zPING"; /* with their NUL */

struct talk {
    const struct clamd_job *job;
    int fd;
    int64_t heard_ms;    /* when bytes went either way last */
    bool answered_early; /* something came before it had all */
};

int clamd_check_where(const char *value, char *why, size_t why_size)
{
    const char *colon = strrchr(value, ':');
    if (value[0] == '\0')
        return 0;
    if (value[0] == '/' && strlen(value) < sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return 0;
    if (value[0] != '/' && colon != NULL && colon > value && colon[1] != '\0' &&
        strspn(colon + 1, "0123456789") == strlen(colon + 1) && strtoul(colon + 1, NULL, 10) <= UINT16_MAX)
        return 0;
    snprintf(why, why_size, "give the path of clamd's socket, such as /run/clamav/clamd.ctl, or host:port");
    return -EINVAL;
}

/* --- connecting --- */

/* Reading and writing come back every second, to ask whether to go on. */
static int open_socket(int family)
{
    const struct timeval second = {.tv_sec = 1};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
    return fd;
}

static int connect_to(int family, const struct sockaddr *to, socklen_t len)
{
    int fd = open_socket(family);
    if (fd < 0 || connect(fd, to, len) == 0)
        return fd;
    int err = errno == EINPROGRESS || errno == EAGAIN ? -ETIMEDOUT : -errno;
    close(fd);
    return err;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    return connect_to(AF_UNIX, (const struct sockaddr *)&to, sizeof(to));
}

static int connect_host(const char *where)
{
    char host[256];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(where, ':');
    size_t len = (size_t)(colon - where);
    bool bracketed = len > 2 && where[0] == '[' && where[len - 1] == ']';
    snprintf(host, sizeof(host), "%.*s", (int)(bracketed ? len - 2 : len), where + bracketed);
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return -EHOSTUNREACH;
    int fd = -EHOSTUNREACH;
    for (const struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next)
        fd = connect_to(a->ai_family, a->ai_addr, a->ai_addrlen);
    freeaddrinfo(found);
    return fd;
}

static int open_talk(struct talk *t, const struct clamd_job *job)
{
    *t = (struct talk){.job = job, .heard_ms = clock_steady_ms()};
    t->fd = job->where[0] == '/' ? connect_unix(job->where) : connect_host(job->where);
    return t->fd < 0 ? t->fd : 0;
}

/* --- talking --- */

/* After a call that moved nothing: 0 try again, or the end. */
static int again(struct talk *t)
{
    if (errno != EAGAIN && errno != EINTR)
        return -errno;
    if (!t->job->go_on(t->job->arg))
        return -ECANCELED;
    return clock_steady_ms() - t->heard_ms > t->job->timeout_ms ? -ETIMEDOUT : 0;
}

static int say(struct talk *t, const void *bytes, size_t len)
{
    int err = 0;
    for (size_t at = 0; at < len && err == 0;) {
        ssize_t n = send(t->fd, (const char *)bytes + at, len - at, MSG_NOSIGNAL);
        if (n < 0) {
            err = again(t);
            continue;
        }
        at += (size_t)n;
        t->heard_ms = clock_steady_ms();
    }
    return err;
}

/* Until the NUL or the end: what it says comes in one line. */
static int hear(struct talk *t, char reply[REPLY_MOST])
{
    size_t at = 0;
    int err = 0;
    while (at < REPLY_MOST - 1 && err == 0) {
        ssize_t n = recv(t->fd, reply + at, REPLY_MOST - 1 - at, 0);
        if (n < 0) {
            err = again(t);
            continue;
        }
        at += (size_t)n;
        reply[at] = '\0';
        if (n == 0 || memchr(reply, '\0', at) != NULL)
            break;
    }
    return err < 0 ? err : at == 0 ? -EPIPE : 0;
}

/* One piece: its length in network order, then its bytes. 1, 0: the file's end, negative. */
static int say_piece(struct talk *t, char *buffer, int64_t *offset)
{
    ssize_t n = pread(t->job->fd, buffer + sizeof(uint32_t), PIECE, *offset);
    if (n < 0)
        return errno == EINTR ? 1 : -EIO;
    uint32_t length = htonl((uint32_t)n);
    memcpy(buffer, &length, sizeof(length));
    *offset += n;
    t->answered_early = t->answered_early || recv(t->fd, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    int err = say(t, buffer, sizeof(length) + (size_t)n);
    if (err == 0 && !t->job->go_on(t->job->arg))
        err = -ECANCELED;
    return err < 0 ? err : n > 0;
}

static int say_file(struct talk *t)
{
    int64_t offset = 0;
    char *buffer = malloc(sizeof(uint32_t) + PIECE);
    int more = buffer == NULL ? -ENOMEM : say(t, instream, sizeof(instream));
    if (more == 0)
        more = 1;
    while (more == 1)
        more = say_piece(t, buffer, &offset);
    free(buffer);
    return more;
}

static void keep_text(struct clamd_answer *answer, const char *text, size_t len)
{
    size_t at = 0, room = sizeof(answer->text) - 1;
    if (len > room)
        len = room;
    for (; at < len && text[at] != '\0'; ++at)
        answer->text[at] = (char)(text[at] < ' ' || text[at] > '~' ? '?' : text[at]);
    answer->text[at] = '\0';
}

static int judge(const char *reply, struct clamd_answer *answer)
{
    static const char ok[] = "stream: OK", found[] = " FOUND", start[] = "stream: ";
    size_t len = strcspn(reply, "\n"), tail = sizeof(found) - 1, head = sizeof(start) - 1;
    *answer = (struct clamd_answer){.verdict = CLAMD_CLEAN};
    if (len == sizeof(ok) - 1 && memcmp(reply, ok, len) == 0)
        return 0;
    if (strstr(reply, "size limit exceeded") != NULL) {
        answer->verdict = CLAMD_TOO_LARGE;
        return 0;
    }
    if (len > head + tail && memcmp(reply, start, head) == 0 && memcmp(reply + len - tail, found, tail) == 0) {
        answer->verdict = CLAMD_INFECTED;
        keep_text(answer, reply + head, len - head - tail);
        return 0;
    }
    keep_text(answer, reply, len);
    return -EBADMSG;
}

int clamd_ping(const struct clamd_job *job)
{
    char reply[REPLY_MOST] = "";
    struct talk t;
    int err = open_talk(&t, job);
    if (err < 0)
        return err;
    err = say(&t, ping, sizeof(ping));
    if (err == 0)
        err = hear(&t, reply);
    close(t.fd);
    return err == 0 && strcmp(reply, "PONG") != 0 ? -EBADMSG : err;
}

int clamd_scan(const struct clamd_job *job, struct clamd_answer *answer)
{
    char reply[REPLY_MOST] = "";
    struct talk t;
    *answer = (struct clamd_answer){.verdict = CLAMD_CLEAN};
    int err = open_talk(&t, job);
    if (err < 0)
        return err;
    err = say_file(&t);
    bool whole = err == 0 && !t.answered_early;
    if (err == 0 || err == -EPIPE || err == -ECONNRESET) { /* it may have said why it hung up */
        int heard = hear(&t, reply);
        err = heard < 0 ? (err < 0 ? err : heard) : judge(reply, answer);
    }
    if (err == 0 && !whole && answer->verdict == CLAMD_CLEAN) {
        static const char text[] = "OK before it had the whole archive";
        keep_text(answer, text, sizeof(text));
        err = -EBADMSG;
    }
    close(t.fd);
    return err;
}
