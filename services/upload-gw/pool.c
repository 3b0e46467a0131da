/* Threads, a queue and a condition variable; see pool.h. */
#include "services/upload-gw/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#define STACK_BYTES (128 * 1024) /* jobs keep their data in the buffer and in their owner */

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct pool_job *first, **last;
    size_t waiting, idle, buffer_size;
    bool stopping;
    const char *name;
    unsigned count;
    pthread_t threads[];
};

/* Under the lock. */
static struct pool_job *shift(struct pool *p)
{
    struct pool_job *job = p->first;
    if (job != NULL) {
        p->first = job->next;
        if (p->first == NULL)
            p->last = &p->first;
        --p->waiting;
    }
    return job;
}

static struct pool_job *take(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    ++p->idle;
    while (p->first == NULL && !p->stopping)
        pthread_cond_wait(&p->more, &p->lock);
    --p->idle;
    struct pool_job *job = shift(p);
    pthread_mutex_unlock(&p->lock);
    return job;
}

static void *work(void *arg)
{
    struct pool *p = arg;
    char *buffer = NULL;
    struct pool_job *job;

    pthread_setname_np(pthread_self(), p->name);
    if (p->buffer_size > 0) {
        buffer = mmap(NULL, p->buffer_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (buffer == MAP_FAILED)
            abort(); /* at start-up only: half a megabyte is not there */
    }
    while ((job = take(p)) != NULL)
        job->run(job, buffer, p->buffer_size);
    if (buffer != NULL)
        munmap(buffer, p->buffer_size);
    return NULL;
}

int pool_new(const char *name, unsigned threads, size_t buffer_size, struct pool **out)
{
    struct pool *p = calloc(1, sizeof(*p) + threads * sizeof(p->threads[0]));
    if (p == NULL)
        return -ENOMEM;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    p->last = &p->first;
    p->buffer_size = buffer_size;
    p->name = name;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int err = 0;
    while (p->count < threads && err == 0)
        if ((err = pthread_create(p->threads + p->count, &attr, work, p)) == 0)
            ++p->count;
    pthread_attr_destroy(&attr);
    if (err != 0) {
        pool_free(p);
        return -err;
    }
    *out = p;
    return 0;
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->count; ++i)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->more);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void pool_add(struct pool *p, struct pool_job *job)
{
    pthread_mutex_lock(&p->lock);
    job->next = NULL;
    *p->last = job;
    p->last = &job->next;
    ++p->waiting;
    pthread_cond_signal(&p->more);
    pthread_mutex_unlock(&p->lock);
}

struct pool_job *pool_try(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    struct pool_job *job = p->idle == 0 ? shift(p) : NULL;
    pthread_mutex_unlock(&p->lock);
    return job;
}

size_t pool_waiting(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    size_t n = p->waiting;
    pthread_mutex_unlock(&p->lock);
    return n;
}
