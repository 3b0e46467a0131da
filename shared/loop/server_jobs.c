/*
 * The workers: they take calls in the order they came, run them and post them back to their loop. A call in a worker's
 * hands is touched by nobody else.
 */
#include <errno.h>
#include <stdlib.h>

#include "shared/loop/server_internal.h"

struct jobs {
    struct server *server;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct server_call *first, **last;
    unsigned waiting, threads;
    bool stopping;
    pthread_t ids[];
};

static void run(struct jobs *j, struct server_call *c)
{
    const struct server_options *o = &j->server->options;

    if (!c->begun) {
        o->callbacks->on_job(c, o->arg);
        c->begun = true;
    }
    if (c->source && !c->is_head) {
        const char *piece = NULL;
        c->len = 0;
        do
            c->piece = c->source->produce(c->source, &piece, &c->len);
        while (c->piece == 1 && c->len == 0);
        c->bytes = (char *)(uintptr_t)piece; /* the source's: not freed with the call */
    }
    c->message.run = on_call_returned;
    loop_post(c->home->loop, &c->message);
}

static struct server_call *take(struct jobs *j)
{
    struct server_call *c = NULL;

    pthread_mutex_lock(&j->lock);
    while (j->first == NULL && !j->stopping)
        pthread_cond_wait(&j->filled, &j->lock);
    if (!j->stopping) {
        c = j->first;
        j->first = c->next_job;
        if (j->first == NULL)
            j->last = &j->first;
        --j->waiting;
    }
    pthread_mutex_unlock(&j->lock);
    return c;
}

static void *work(void *arg)
{
    struct jobs *j = arg;
    struct server_call *c;

    while ((c = take(j)) != NULL)
        run(j, c);
    return NULL;
}

int jobs_start(struct server *s, struct jobs **out)
{
    struct jobs *j = calloc(1, sizeof(*j) + s->options.workers * sizeof(j->ids[0]));
    if (j == NULL)
        return -ENOMEM;
    j->server = s;
    j->last = &j->first;
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->filled, NULL);
    for (; j->threads < s->options.workers; ++j->threads) {
        int err = pthread_create(&j->ids[j->threads], NULL, work, j);
        if (err != 0) {
            jobs_stop(j);
            return -err;
        }
    }
    *out = j;
    return 0;
}

bool jobs_add(struct jobs *j, struct server_call *c, bool must)
{
    pthread_mutex_lock(&j->lock);
    bool taken = must || j->waiting < j->server->options.max_jobs;
    if (taken) {
        c->next_job = NULL;
        c->in_job = true;
        *j->last = c;
        j->last = &c->next_job;
        ++j->waiting;
        pthread_cond_signal(&j->filled);
    }
    pthread_mutex_unlock(&j->lock);
    return taken;
}

unsigned jobs_waiting(struct jobs *j)
{
    pthread_mutex_lock(&j->lock);
    unsigned waiting = j->waiting;
    pthread_mutex_unlock(&j->lock);
    return waiting;
}

void jobs_stop(struct jobs *j)
{
    if (j == NULL)
        return;
    pthread_mutex_lock(&j->lock);
    j->stopping = true;
    pthread_cond_broadcast(&j->filled);
    pthread_mutex_unlock(&j->lock);
    for (unsigned i = 0; i < j->threads; ++i)
        pthread_join(j->ids[i], NULL);
    pthread_cond_destroy(&j->filled);
    pthread_mutex_destroy(&j->lock);
    free(j);
}
