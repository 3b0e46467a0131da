/* What the files of this folder share: the only place where h2o.h is included. */
#ifndef LC_SHARED_LOOP_INTERNAL_H
#define LC_SHARED_LOOP_INTERNAL_H

#include <h2o.h>
#include <h2o/http1.h>

#include "shared/loop/loop.h"

struct timer_list; /* the entries of one duration */

struct loop {
    h2o_globalconf_t config;
    h2o_mem_pool_t pool; /* what the configuration points to */
    h2o_context_t ctx;
    h2o_accept_ctx_t accept; /* for h2o_http1_accept */
    h2o_multithread_receiver_t receiver;
    struct timer_list *timers;
    struct loop_message stop;
    bool stopped;
    pthread_t maker; /* whose buffers its sockets point to */
};

struct sock {
    struct loop *loop;
    h2o_socket_t *h2o;
    void *data;
    sock_cb on_readable, on_writable;
    bool is_paused; /* nobody wants to know, which epoll learns when something comes */
};

/* As loop_new, and lets `configure` register handlers on `host` before the context is made. Returns its error. */
int loop_new_configured(struct loop **out, int (*configure)(struct loop *l, h2o_hostconf_t *host, void *arg), void *arg)
    __attribute__((warn_unused_result));

/* Gives the socket, with bytes already read from it, to H2O's HTTP/1 server. The sock is gone afterwards. */
void sock_hand_over(struct sock *s, const char *bytes, size_t len);

#endif
