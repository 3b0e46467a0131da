/* REDIS_URL taken apart. Messages never repeat the user or the password. */
#include "shared/redis/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    const char *at;
    size_t len;
};

static int refuse(char *why, size_t size, const char *what)
{
    snprintf(why, size,
             "%s; write redis://[user:password@]host[:port][/db], unix://[user:password@]/path[?db=N] or "
             "redis+sentinel://[user:password@]host:port,host:port/name[/db]",
             what);
    return -EINVAL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes into a new string; NULL with errno EINVAL (bad escape, NUL) or ENOMEM. */
static char *decoded(struct piece p)
{
    char *out = malloc(p.len + 1);
    size_t n = 0;
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < p.len; ++i) {
        int c = (unsigned char)p.at[i];
        if (c == '%') {
            int high = i + 2 < p.len ? hex_digit(p.at[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(p.at[i + 2]) : -1;
            c = low < 0 ? 0 : high * 16 + low;
            i += 2;
        }
        if (c == 0) {
            free(out);
            errno = EINVAL;
            return NULL;
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return out;
}

/* Cuts what stands before the first `c` off the front; the whole rest when there is none. */
static struct piece cut(struct piece *rest, char c)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->at, c, rest->len);
    struct piece head = {rest->at, end == NULL ? rest->len : (size_t)(end - rest->at)};
    size_t used = head.len + (end != NULL);
    rest->at += used;
    rest->len -= used;
    return head;
}

static int number(struct piece p, int max)
{
    long n = 0;
    if (p.len == 0 || p.len > 5)
        return -1;
    for (size_t i = 0; i < p.len; ++i) {
        if (p.at[i] < '0' || p.at[i] > '9')
            return -1;
        n = n * 10 + (p.at[i] - '0');
    }
    return n > max ? -1 : (int)n;
}

static int parse_credentials(struct redis_target *t, struct piece *rest)
{
    const char *slash = rest->len == 0 ? NULL : memchr(rest->at, '/', rest->len);
    size_t authority = slash == NULL ? rest->len : (size_t)(slash - rest->at);
    const char *at = authority == 0 ? NULL : memrchr(rest->at, '@', authority);
    if (at == NULL)
        return 0;
    struct piece both = {rest->at, (size_t)(at - rest->at)};
    struct piece user = cut(&both, ':');
    if (user.len > 0 && (t->user = decoded(user)) == NULL)
        return -errno;
    if ((t->password = decoded(both)) == NULL)
        return -errno;
    rest->len -= (size_t)(at + 1 - rest->at);
    rest->at = at + 1;
    return t->password[0] == '\0' ? -EINVAL : 0;
}

static int add_address(struct redis_target *t, struct piece p, int fallback_port)
{
    struct redis_address *grown = reallocarray(t->addresses, t->address_count + 1, sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    t->addresses = grown;
    struct redis_address *a = &grown[t->address_count];
    *a = (struct redis_address){.port = fallback_port};

    struct piece host;
    if (p.len > 0 && p.at[0] == '[') { /* RFC 3986 section 3.2.2: IPv6 in brackets */
        if (memchr(p.at, ']', p.len) == NULL)
            return -EINVAL;
        ++p.at;
        --p.len;
        host = cut(&p, ']');
        if (p.len > 0 && *p.at++ != ':')
            return -EINVAL;
        p.len -= p.len > 0;
    } else {
        host = cut(&p, ':');
    }
    if (host.len == 0 || (p.len > 0 && (a->port = number(p, 65535)) <= 0))
        return -EINVAL;
    if ((a->host = decoded(host)) == NULL)
        return -errno;
    ++t->address_count;
    return 0;
}

static int parse_db(struct redis_target *t, struct piece p)
{
    if (p.len == 0)
        return 0;
    t->db = number(p, 9999);
    return t->db < 0 ? -EINVAL : 0;
}

static int parse_unix(struct redis_target *t, struct piece rest, char *why, size_t size)
{
    struct piece path = cut(&rest, '?');
    if (path.len < 2 || path.at[0] != '/')
        return refuse(why, size, "the socket's path must be absolute");
    if ((t->path = decoded(path)) == NULL)
        return errno == ENOMEM ? -ENOMEM : refuse(why, size, "a bad percent-escape in the path");
    if (rest.len == 0)
        return 0;
    if (rest.len < 4 || memcmp(rest.at, "db=", 3) != 0 || parse_db(t, (struct piece){rest.at + 3, rest.len - 3}) < 0)
        return refuse(why, size, "after the path only ?db=N may follow");
    return 0;
}

static int parse_tcp(struct redis_target *t, struct piece rest, char *why, size_t size)
{
    int err = add_address(t, cut(&rest, '/'), 6379);
    if (err == -EINVAL)
        return refuse(why, size, "host or port is wrong");
    if (err == 0 && parse_db(t, rest) < 0)
        return refuse(why, size, "the database must be a number");
    return err;
}

static int parse_sentinel(struct redis_target *t, struct piece rest, char *why, size_t size)
{
    struct piece hosts = cut(&rest, '/');
    struct piece name = cut(&rest, '/');
    do {
        int err = add_address(t, cut(&hosts, ','), 26379);
        if (err < 0)
            return err == -EINVAL ? refuse(why, size, "a sentinel's host or port is wrong") : err;
    } while (hosts.len > 0);
    if (name.len == 0)
        return refuse(why, size, "the name of the master is missing");
    if ((t->master = decoded(name)) == NULL)
        return errno == ENOMEM ? -ENOMEM : refuse(why, size, "a bad percent-escape in the master's name");
    return parse_db(t, rest) < 0 ? refuse(why, size, "the database must be a number") : 0;
}

static const struct {
    const char *prefix;
    enum redis_kind kind;
    int (*parse)(struct redis_target *t, struct piece rest, char *why, size_t size);
} schemes[] = {
    {"redis://", REDIS_TCP, parse_tcp},
    {"unix://", REDIS_UNIX, parse_unix},
    {"redis+sentinel://", REDIS_SENTINEL, parse_sentinel},
};

static int parse(struct redis_target *t, const char *url, char *why, size_t size)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); ++i) {
        size_t len = strlen(schemes[i].prefix);
        if (strncmp(url, schemes[i].prefix, len) != 0)
            continue;
        struct piece rest = {url + len, strlen(url + len)};
        t->kind = schemes[i].kind;
        int err = parse_credentials(t, &rest);
        if (err < 0)
            return err == -EINVAL ? refuse(why, size, "the password is empty or badly percent-encoded") : err;
        return schemes[i].parse(t, rest, why, size);
    }
    if (strncmp(url, "rediss://", 9) == 0)
        return refuse(why, size, "TLS to Redis is not supported: use a private network or a tunnel");
    return refuse(why, size, "unknown scheme");
}

int redis_target_parse(const char *url, struct redis_target **out, char *why, size_t why_size)
{
    struct redis_target *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return -ENOMEM;
    int err = parse(t, url, why, why_size);
    if (err < 0) {
        redis_target_free(t);
        return err;
    }
    *out = t;
    return 0;
}

void redis_target_free(struct redis_target *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->address_count; ++i)
        free(t->addresses[i].host);
    free(t->addresses);
    free(t->path);
    free(t->master);
    free(t->user);
    if (t->password != NULL)
        explicit_bzero(t->password, strlen(t->password));
    free(t->password);
    free(t);
}
