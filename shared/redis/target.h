/* REDIS_URL taken apart: redis://[user:password@]host[:port][/db], unix://[user:password@]/path[?db=N],
 * redis+sentinel://[user:password@]h1:p,h2:p/name[/db]. User and password are those of the Redis servers; sentinels are
 * asked without. Any thread. */
#ifndef LC_SHARED_REDIS_TARGET_H
#define LC_SHARED_REDIS_TARGET_H

#include <stddef.h>

enum redis_kind { REDIS_TCP, REDIS_UNIX, REDIS_SENTINEL };

struct redis_address {
    char *host;
    int port;
};

struct redis_target {
    enum redis_kind kind;
    struct redis_address *addresses; /* TCP: one; SENTINEL: the sentinels */
    size_t address_count;
    char *path;            /* UNIX */
    char *master;          /* SENTINEL: the name */
    char *user, *password; /* NULL: none; percent-decoded */
    int db;
};

/* 0, or -EINVAL with one line in `why` that never holds the password; -ENOMEM. */
int redis_target_parse(const char *url, struct redis_target **out, char *why, size_t why_size)
    __attribute__((warn_unused_result));
void redis_target_free(struct redis_target *t);

#endif
