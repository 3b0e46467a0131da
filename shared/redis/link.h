/*
 * The asynchronous Redis connection of one event loop (hiredis 0.14 has no asynchronous time-outs, Sentinel or
 * reconnection: they are ours). Loop thread only.
 */
#ifndef LC_SHARED_REDIS_LINK_H
#define LC_SHARED_REDIS_LINK_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/loop/loop.h"
#include "shared/redis/scripts.h"
#include "shared/redis/target.h"

struct redis_link;

struct redis_link_events {                     /* may be NULL each */
    void (*on_up)(void *arg, bool new_server); /* connected and checked; new_server: another run_id than last time */
    void (*on_down)(void *arg, int err, const char *why);
    /* Redis is there and takes nothing: at most once a minute for the same reason. */
    void (*on_refused)(void *arg, int err);
    void (*observe)(int64_t microseconds); /* how long a call took that Redis answered */
};

/* Starts connecting; reconnects for ever with jittered backoff (50 ms to 2 s; with sentinels 250 ms for the first ten
 * seconds or so). Target and events must outlive it.
 * timeout_ms: of connecting with its greeting, and of calls that give 0. */
int redis_link_new(struct loop *loop, const struct redis_target *target, unsigned timeout_ms,
                   const struct redis_link_events *events, void *arg, struct redis_link **out)
    __attribute__((warn_unused_result));
void redis_link_free(struct redis_link *l); /* outstanding calls get -ECANCELED first */
bool redis_link_is_up(const struct redis_link *l);
int redis_link_error(const struct redis_link *l); /* why it is not up, as far as is known; 0: it is */

/* Called exactly once for every call below, always from the loop, never from inside the call itself.
 * reply is NULL when err is set (-ENOTCONN: not connected, answered at once; -ETIMEDOUT: the answer never came, the
 * command may or may not have run; -EPIPE…); an error reply of the server is err -EPROTO, or -EBUSY/-EAGAIN for
 * LOADING, BUSY, READONLY, MASTERDOWN (READONLY also drops the connection: a failover). reply belongs to the link. */
typedef void (*redis_link_cb)(void *arg, const redisReply *reply, int err);

void redis_link_command(struct redis_link *l, unsigned timeout_ms, int argc, const char **argv, redis_link_cb cb,
                        void *arg);
void redis_link_script(struct redis_link *l, unsigned timeout_ms, enum redis_script script, int argc, const char **argv,
                       redis_link_cb cb, void *arg);

#endif
