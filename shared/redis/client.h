/*
 * A blocking Redis connection for worker threads (admin-api, tests): connects when first used and again after a
 * failure, follows Sentinel to the master (ROLE checked), loads scripts on NOSCRIPT. One thread at a time. The process
 * must ignore SIGPIPE.
 */
#ifndef LC_SHARED_REDIS_CLIENT_H
#define LC_SHARED_REDIS_CLIENT_H

#include <hiredis/hiredis.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/redis/scripts.h"
#include "shared/redis/target.h"

struct redis_client;

/* No I/O yet. The target must outlive the client. Time-out of each connect, command and reply in milliseconds. */
struct redis_client *redis_client_new(const struct redis_target *target, unsigned timeout_ms);
void redis_client_free(struct redis_client *c);
/* Called with how long each further command took, in microseconds, connecting included; in the client's thread. */
void redis_client_observe(struct redis_client *c, void (*observe)(int64_t microseconds));

/* The reply, freed by the caller with freeReplyObject; an error reply of the server is returned as such (type
 * REDIS_REPLY_ERROR). NULL with *err: -ECONNREFUSED, -ETIMEDOUT, -EPIPE, -EHOSTUNREACH (the name did not
 * resolve), -EACCES (AUTH), -EAGAIN (a replica): the connection is dropped, and the next call
 * connects again. argv are binary-safe with lens; lens NULL: strings. */
redisReply *redis_client_command(struct redis_client *c, int argc, const char **argv, const size_t *lens, int *err);
/* A command whose answer only says whether it was done: 0, what the server answered, or why it could not be asked. */
int redis_client_tell(struct redis_client *c, int argc, const char **argv);
/* EVALSHA with no KEYS and these ARGV, loading the script when Redis does not have it. */
redisReply *redis_client_script(struct redis_client *c, enum redis_script script, int argc, const char **argv,
                                int *err);
/* Waits up to timeout_ms for the next message on a connection that SUBSCRIBEd through redis_client_command; NULL with
 * -ETIMEDOUT (still subscribed) or another error (dropped). */
redisReply *redis_client_wait(struct redis_client *c, unsigned timeout_ms, int *err);

/* What start-up checks: 0; -ENOTSUP Redis Cluster; -EINVAL maxmemory-policy is not noeviction; or a connection error;
 * one line in `why` that says what to do. */
int redis_client_check(struct redis_client *c, char *why, size_t why_size);
/* Whether a write is taken: 0, or as redis_client_command says. For readiness and `check` alike. */
int redis_client_probe(struct redis_client *c);
/* What to do about an error that Redis answered, for people; static. */
const char *redis_client_advice(int err);

/* Server's run_id, 40 hex digits; 0 or negative errno. A change means a restart or failover. */
int redis_client_run_id(struct redis_client *c, char out[41]);

#endif
