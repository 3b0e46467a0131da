/*
 * Loops, timers and messages over h2o_evloop. Timers of one duration share a list of H2O's, so their durations are
 * rounded up to two significant digits: a loop then has some dozens of lists at most.
 */
#include "shared/loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/loop/internal.h"

struct timer_list {
    struct timer_list *next;
    h2o_timeout_t timeout;
};

struct timer { /* lies in loop_timer.opaque */
    h2o_timeout_entry_t entry;
};

_Static_assert(sizeof(struct timer) <= sizeof(((struct loop_timer *)0)->opaque), "timer fits");
_Static_assert(sizeof(h2o_multithread_message_t) <= sizeof(((struct loop_message *)0)->opaque), "message fits");

static struct timer *timer_of(struct loop_timer *t)
{
    return (struct timer *)(void *)t->opaque;
}

static void on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    (void)receiver;
    while (!h2o_linklist_is_empty(messages)) {
        h2o_linklist_t *link = messages->next;
        h2o_linklist_unlink(link);
        struct loop_message *m = H2O_STRUCT_FROM_MEMBER(struct loop_message, opaque, (void **)(void *)link);
        m->run(m);
    }
}

int loop_new_configured(struct loop **out, int (*configure)(struct loop *l, h2o_hostconf_t *host, void *arg), void *arg)
{
    struct loop *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return -ENOMEM;
    l->maker = pthread_self();
    h2o_config_init(&l->config);
    h2o_mem_init_pool(&l->pool);
    l->config.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host = h2o_config_register_host(&l->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    int err = configure == NULL ? 0 : configure(l, host, arg);
    if (err < 0) {
        h2o_config_dispose(&l->config);
        h2o_mem_clear_pool(&l->pool);
        free(l);
        return err;
    }
    h2o_context_init(&l->ctx, h2o_evloop_create(), &l->config);
    l->accept = (h2o_accept_ctx_t){.ctx = &l->ctx, .hosts = l->config.hosts};
    h2o_multithread_register_receiver(l->ctx.queue, &l->receiver, on_messages);
    *out = l;
    return 0;
}

int loop_new(struct loop **out)
{
    return loop_new_configured(out, NULL, NULL);
}

void loop_run(struct loop *l)
{
    assert(pthread_equal(l->maker, pthread_self()));
    while (!l->stopped)
        h2o_evloop_run(l->ctx.loop, INT32_MAX); /* -1 is an interrupted wait: go on */
}

static void on_stop(struct loop_message *m)
{
    H2O_STRUCT_FROM_MEMBER(struct loop, stop, m)->stopped = true;
}

void loop_stop(struct loop *l)
{
    l->stop.run = on_stop;
    loop_post(l, &l->stop);
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    h2o_evloop_run(l->ctx.loop, 0); /* lets closed sockets be disposed of */
    for (struct timer_list *list = l->timers, *next; list != NULL; list = next) {
        next = list->next;
        h2o_timeout_dispose(l->ctx.loop, &list->timeout);
        free(list);
    }
    h2o_multithread_unregister_receiver(l->ctx.queue, &l->receiver);
    h2o_loop_t *evloop = l->ctx.loop;
    h2o_context_dispose(&l->ctx);
    h2o_config_dispose(&l->config);
    h2o_mem_clear_pool(&l->pool);
    h2o_evloop_destroy(evloop); /* 2.2.5 leaves its epoll descriptor open: loops are for as long as the process */
    free(l);
}

uint64_t loop_now(struct loop *l)
{
    return h2o_now(l->ctx.loop);
}

void loop_post(struct loop *l, struct loop_message *m)
{
    memset(m->opaque, 0, sizeof(m->opaque));
    h2o_multithread_send_message(&l->receiver, (h2o_multithread_message_t *)(void *)m->opaque);
}

static uint32_t rounded(uint32_t ms)
{
    uint32_t unit = 1;
    while (ms / unit >= 100)
        unit *= 10;
    return (ms + unit - 1) / unit * unit;
}

static h2o_timeout_t *list_of(struct loop *l, uint32_t ms)
{
    struct timer_list *list = l->timers;
    while (list != NULL && list->timeout.timeout != ms)
        list = list->next;
    if (list == NULL) {
        list = h2o_mem_alloc(sizeof(*list));
        memset(list, 0, sizeof(*list));
        h2o_timeout_init(l->ctx.loop, &list->timeout, ms);
        list->next = l->timers;
        l->timers = list;
    }
    return &list->timeout;
}

static void on_timeout(h2o_timeout_entry_t *entry)
{
    struct loop_timer *t = H2O_STRUCT_FROM_MEMBER(struct loop_timer, opaque, (void **)(void *)entry);
    t->on_time(t);
}

void loop_timer_start(struct loop *l, struct loop_timer *t, uint32_t ms, void (*on_time)(struct loop_timer *t))
{
    loop_timer_stop(t);
    t->on_time = on_time;
    timer_of(t)->entry.cb = on_timeout;
    h2o_timeout_link(l->ctx.loop, list_of(l, rounded(ms)), &timer_of(t)->entry);
}

void loop_timer_stop(struct loop_timer *t)
{
    if (h2o_timeout_is_linked(&timer_of(t)->entry))
        h2o_timeout_unlink(&timer_of(t)->entry);
}
