/*
 * May things be removed for their age? Not while the clock is far ahead: of where it was when this process began, of
 * Redis', or of the last time that it was noted in the database. Then all that looks old may be new.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "shared/clock/clock.h"
#include "shared/redis/reply.h"

#define HOUR_US       INT64_C(3600000000)
#define NOTE_EVERY_US HOUR_US

static int read_noted(const struct db_rows *r, void *arg)
{
    *(int64_t *)arg = db_int(r, 0);
    return 0;
}

/* 0 while Redis cannot be asked. */
static int64_t ahead_of_redis_us(struct redis_client *client)
{
    const char *argv[] = {"TIME"};
    int err = 0;
    redisReply *r = redis_client_command(client, 1, argv, NULL, &err);
    int64_t theirs = r == NULL ? 0 : redis_reply_number(r, 0) * 1000000 + redis_reply_number(r, 1);
    if (r != NULL)
        freeReplyObject(r);
    return theirs <= 0 ? 0 : clock_now_us() - theirs;
}

static int refuse(int64_t by_us, const char *what, const char *row, char *why, size_t why_size)
{
    snprintf(
        why, why_size,
        "the clock is %lld hours ahead of %s: nothing is removed for its age; set the clock right, or, if this time is "
        "the right one, %s to 0 for one start",
        (long long)(by_us / HOUR_US), what, row);
    return -ETIME;
}

static int check_ahead(struct storage *s, struct redis_client *client, char *why, size_t why_size)
{
    int64_t most = s->options.clock_ahead_ms * 1000;
    int64_t own = clock_ahead_us(), redis = most == 0 ? 0 : ahead_of_redis_us(client);
    if (most > 0 && own > most)
        return refuse(own, "where it was when this process began", "CLOCK_AHEAD_MAX", why, why_size);
    return most > 0 && redis > most ? refuse(redis, "Redis'", "CLOCK_AHEAD_MAX", why, why_size) : 0;
}

int clock_check(struct storage *s, struct db_conn *c, struct redis_client *client, char *why, size_t why_size)
{
    int64_t noted = 0, now = clock_now_us(), most = s->options.clock_gap_ms * 1000;
    int err = check_ahead(s, client, why, why_size);
    if (err < 0)
        return err;
    int found = db_one(c, read_noted, &noted, storage_statement(CLOCK_READ));
    if (found < 0)
        return found;
    if (most > 0 && noted > 0 && now - noted > most)
        return refuse(now - noted, "when it was noted last", "CLOCK_GAP_MAX", why, why_size);
    int64_t n = now - noted < NOTE_EVERY_US ? 0 : db_exec(c, storage_statement(CLOCK_NOTE), now);
    return n < 0 ? (int)n : 0;
}
