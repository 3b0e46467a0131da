/*
 * A fixed set of threads that run jobs in the order queued, each thread with one buffer of its own. Jobs are intrusive:
 * queueing allocates nothing. Any thread may queue; run is called on a pool thread.
 */
#ifndef LC_GATEWAY_POOL_H
#define LC_GATEWAY_POOL_H

#include <stddef.h>

struct pool;

struct pool_job {
    struct pool_job *next;
    /* Once run has handed the job's owner on (posted a message), it must not touch the job again. */
    void (*run)(struct pool_job *job, char *buffer, size_t size);
};

int pool_new(const char *name, unsigned threads, size_t buffer_size, struct pool **out)
    __attribute__((warn_unused_result));
void pool_free(struct pool *p); /* runs what is queued, then joins */
void pool_add(struct pool *p, struct pool_job *job);
/* The next job, for a thread of the pool that is running one and can do two at once; NULL: none, or another thread is
 * free to take it. */
struct pool_job *pool_try(struct pool *p);
size_t pool_waiting(struct pool *p); /* jobs queued and not yet taken */

#endif
