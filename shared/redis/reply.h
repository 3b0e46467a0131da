/* Replies of the server as errors and numbers. Any thread. */
#ifndef LC_SHARED_REDIS_REPLY_H
#define LC_SHARED_REDIS_REPLY_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 unless an error reply: -EBUSY (LOADING, BUSY), -EAGAIN (READONLY, MASTERDOWN, UNBLOCKED: not the master any more),
 * -EACCES (NOAUTH, WRONGPASS, NOPERM), -ENOMEM (OOM: maxmemory), -ENOENT (NOSCRIPT),
 * -EIO (MISCONF: it could not save), -ERANGE (no database of that number), otherwise -EPROTO. */
int redis_reply_error(const redisReply *r);
/* Is it one of those that a server gives which is there, and no script's or command's own fault? */
bool redis_reply_is_refusal(int err);
/* For readiness, by what the write below was answered: ok, read-only, full, failing or unreachable; static. */
const char *redis_reply_state(int err);
/* A write as every later one: a replica, a full server, and one that could not save refuse it. */
#define REDIS_PROBE                                                                                                    \
    {                                                                                                                  \
        "SET", "lc:probe", "1", "PX", "1000"                                                                           \
    }
/* A decimal string or an integer reply; -1 when it is neither. */
int64_t redis_reply_int(const redisReply *r);
/* Element i of an array as text, "" when there is none. */
const char *redis_reply_text(const redisReply *r, size_t i);
/* Element i of an array as a number; 0 when there is none. */
int64_t redis_reply_number(const redisReply *r, size_t i);
bool redis_reply_is_master(const redisReply *role); /* the answer to ROLE */
/* Copies run_id out of INFO's text: 0, or -EPROTO when it is not there. */
int redis_reply_run_id(const redisReply *info, char out[41]);

#define REDIS_NUMBER_SIZE 24
/* `n` as a word of a command: `out`. */
char *redis_number(int64_t n, char out[REDIS_NUMBER_SIZE]);

#endif
