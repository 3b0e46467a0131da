/* A thread and its loop; see loop.h. */
#include <errno.h>
#include <semaphore.h>

#include "shared/loop/loop.h"

struct starting {
    int (*init)(void *arg, struct loop **out);
    void *arg;
    int result;
    sem_t done;
};

static void *run(void *arg)
{
    struct starting *starting = arg;
    struct loop *loop = NULL;
    int result = starting->init(starting->arg, &loop);
    starting->result = result;
    sem_post(&starting->done); /* `starting` is gone from here on */
    if (result == 0)
        loop_run(loop);
    return NULL;
}

int loop_thread_start(pthread_t *thread, int (*init)(void *arg, struct loop **out), void *arg)
{
    struct starting starting = {.init = init, .arg = arg};
    sem_init(&starting.done, 0, 0);
    int err = -pthread_create(thread, NULL, run, &starting);
    if (err == 0) {
        while (sem_wait(&starting.done) < 0)
            ; /* interrupted */
        err = starting.result;
        if (err < 0)
            pthread_join(*thread, NULL);
    }
    sem_destroy(&starting.done);
    return err;
}
