/* The watch on free space; see room.h. */
#include "services/upload-gw/room.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "shared/clock/clock.h"

#define LOOK_MS    250
#define FAILING_MS 10000 /* that one failure counts: nobody sends more to one that is not ready */
#define SILENCE_MS 5000  /* then what is known is too old to grant anything by */

struct room {
    struct spool *spool;
    pthread_mutex_t lock;
    pthread_cond_t soon;
    bool asked;
    int err;
    int64_t free, seen_ms; /* at the last look; monotonic */
    int64_t taken_before;  /* of `taken`, what the last look has seen for certain */
    _Atomic int64_t taken;
    _Atomic int64_t failed_ms; /* when the storage failed an upload; 0: the last one was kept */
};

static void look(struct room *r)
{
    int64_t before = atomic_load(&r->taken), left = 0;
    int err = spool_room(r->spool, 0, &left); /* may take for ever: without the lock */

    pthread_mutex_lock(&r->lock);
    r->err = err;
    r->free = left;
    r->taken_before = before;
    r->seen_ms = clock_steady_ms();
    pthread_mutex_unlock(&r->lock);
}

static void wait_a_little(struct room *r)
{
    struct timespec until = clock_steady_in(LOOK_MS);
    pthread_mutex_lock(&r->lock);
    while (!r->asked && pthread_cond_timedwait(&r->soon, &r->lock, &until) == 0)
        ;
    r->asked = false;
    pthread_mutex_unlock(&r->lock);
}

static void *watch(void *arg)
{
    for (struct room *r = arg;;) {
        wait_a_little(r);
        look(r);
    }
    return NULL;
}

int room_new(struct spool *spool, struct room **out)
{
    pthread_t thread;
    struct room *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return -ENOMEM;
    r->spool = spool;
    pthread_mutex_init(&r->lock, NULL);
    clock_cond_init(&r->soon);
    look(r);
    int err = -pthread_create(&thread, NULL, watch, r);
    if (err < 0) {
        free(r);
        return err;
    }
    pthread_detach(thread);
    *out = r;
    return 0;
}

int room_left(struct room *r, int64_t *out)
{
    pthread_mutex_lock(&r->lock);
    int err = clock_steady_ms() - r->seen_ms > SILENCE_MS ? -ETIMEDOUT : r->err;
    *out = r->free - (atomic_load(&r->taken) - r->taken_before);
    pthread_mutex_unlock(&r->lock);
    return err;
}

void room_take(struct room *r, int64_t bytes)
{
    atomic_fetch_add_explicit(&r->taken, bytes, memory_order_relaxed);
}

void room_wrote(struct room *r, bool well)
{
    atomic_store_explicit(&r->failed_ms, well ? 0 : clock_steady_ms(), memory_order_relaxed);
}

bool room_fails(const struct room *r)
{
    int64_t since = atomic_load_explicit(&r->failed_ms, memory_order_relaxed);
    return since > 0 && clock_steady_ms() - since < FAILING_MS;
}

void room_look(struct room *r)
{
    pthread_mutex_lock(&r->lock);
    r->asked = true;
    pthread_cond_signal(&r->soon);
    pthread_mutex_unlock(&r->lock);
}
