/*
 * One question to a listener of this very machine, as a health check asks it: a single GET, a bounded answer, a bounded
 * time. Blocks; for commands, never for event loops. No redirects, no TLS, no keep-alive.
 */
#ifndef LC_SHARED_NET_PROBE_H
#define LC_SHARED_NET_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#define PROBE_BODY 1024 /* bytes of an answer's body that are kept, with its NUL */

struct probe_answer {
    int status; /* of HTTP */
    char body[PROBE_BODY];
};

/* `where` as a listen setting says it: address:port, [v6]:port or unix:/path; an address that means "any" is asked at
 * loopback. 0, or -errno with one line in `why`: nobody listens, no answer within timeout_ms, no HTTP. */
int probe_ask(const char *where, const char *path, unsigned timeout_ms, struct probe_answer *out, char *why,
              size_t why_size) __attribute__((warn_unused_result));

/* The `health` command of a service: asks `status` (its status listener, or "off") or, for liveness when that is off,
 * `service`. `ready`: each store too. 0 when all is well, otherwise -errno; what to print in either case in `why`. */
int probe_health(const char *status, const char *service, bool ready, char *why, size_t why_size)
    __attribute__((warn_unused_result));

#endif
