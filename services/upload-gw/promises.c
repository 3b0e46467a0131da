/* A number told, a number learned; see promises.h. */
#include "services/upload-gw/promises.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "services/upload-gw/gateway.h"
#include "services/upload-gw/reservations.h"
#include "services/upload-gw/sweep.h"
#include "shared/redis/reply.h"

#define TELL_MS  1000
#define LEASE_MS 10000 /* what a gateway that died had coming is free for others then */

struct promises {
    struct lane *lane;
    struct loop_timer timer;
    int64_t reserved; /* by others, when it was asked last */
};

static _Atomic int64_t of_others;

int64_t promises_of_others(void)
{
    return atomic_load_explicit(&of_others, memory_order_relaxed);
}

static void on_time(struct loop_timer *t);

/* While Redis is away, what was known goes on counting: better a refusal too many than a full disk. */
static void on_learned(void *arg, const redisReply *reply, int err)
{
    struct promises *p = arg;
    if (err == 0) {
        int64_t now = redis_reply_number(reply, 0), reserved = redis_reply_number(reply, 1);
        atomic_fetch_add(&p->lane->gateway->coming, now - atomic_exchange(&of_others, now));
        if (reserved != p->reserved)
            sweep_soon(p->lane->gateway->sweep); /* which finds them */
        p->reserved = reserved;
    }
    loop_timer_start(p->lane->loop, &p->timer, TELL_MS, on_time);
}

static void on_time(struct loop_timer *t)
{
    struct promises *p = (struct promises *)(void *)((char *)t - offsetof(struct promises, timer));
    struct gateway *g = p->lane->gateway;
    char bytes[REDIS_NUMBER_SIZE], reserved[REDIS_NUMBER_SIZE], lease[REDIS_NUMBER_SIZE];
    struct reservations_total total = reservations_total(g->reservations);
    int64_t own = atomic_load(&g->coming) - total.bytes - promises_of_others();
    const char *argv[] = {p->lane->box, redis_number(own > 0 ? own : 0, bytes), redis_number(total.made, reserved),
                          redis_number(LEASE_MS, lease)};
    redis_link_script(p->lane->link, 0, REDIS_SCRIPT_promise, 4, argv, on_learned, p);
}

int promises_start(struct lane *lane)
{
    struct promises *p = calloc(1, sizeof(*p)); /* lives as long as the process */
    if (p == NULL)
        return -ENOMEM;
    p->lane = lane;
    loop_timer_start(lane->loop, &p->timer, 0, on_time);
    return 0;
}
