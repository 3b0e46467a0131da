/*
 * Event loops on libh2o-evloop: sockets, timers, messages between threads. This folder is the only one that includes
 * h2o.h. Everything but loop_post and loop_stop belongs to the loop's own thread.
 */
#ifndef LC_SHARED_LOOP_LOOP_H
#define LC_SHARED_LOOP_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* 0 or -ENOMEM, -errno. Call it in the thread that will run the loop: libh2o's sockets keep pointers to the buffers of
 * the thread that made them. */
int loop_new(struct loop **out) __attribute__((warn_unused_result));
/* Runs until loop_stop; then returns. Call loop_free afterwards, with every socket, timer and message gone. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* any thread */
void loop_free(struct loop *l);
/* Starts a thread that makes its loop by `init`, with all that belongs to it, and runs it. Returns when init has: 0,
 * what init returned (the thread is gone then), or -errno. `arg` is not used any more. */
int loop_thread_start(pthread_t *thread, int (*init)(void *arg, struct loop **out), void *arg)
    __attribute__((warn_unused_result));
uint64_t loop_now(struct loop *l); /* milliseconds, cached per turn; a monotonic-enough clock for time-outs */

/* --- timers: durations are few and repeated (a list each), so starting one is O(1) --- */
struct loop_timer {
    void *opaque[4];
    void (*on_time)(struct loop_timer *t);
};

/* The timer must stay where it is until it fired or was stopped. Starting a started timer restarts it. */
void loop_timer_start(struct loop *l, struct loop_timer *t, uint32_t ms, void (*on_time)(struct loop_timer *t));
void loop_timer_stop(struct loop_timer *t); /* harmless on a zeroed, stopped or fired timer */

/* --- messages: from any thread to the loop's; run in the order sent --- */
struct loop_message {
    void *opaque[2];
    void (*run)(struct loop_message *m); /* in the loop's thread; the message is yours again */
};

void loop_post(struct loop *l, struct loop_message *m); /* any thread; lock-free for the caller except a short mutex */

/* --- sockets: readiness only; reading and writing is the caller's, with recv and send on sock_fd --- */
struct sock;
typedef void (*sock_cb)(struct sock *s, int err); /* err: 0 or -errno */

/* Takes over a non-blocking descriptor (closed by sock_close). NULL: memory. */
struct sock *sock_new(struct loop *l, int fd, void *data);
int sock_fd(const struct sock *s);
void *sock_data(const struct sock *s);
struct loop *sock_loop(const struct sock *s);
void sock_poll_read(struct sock *s, sock_cb on_readable); /* level-triggered until sock_stop_read */
void sock_stop_read(struct sock *s);
bool sock_is_reading(const struct sock *s);
void sock_poll_write(struct sock *s, sock_cb on_writable); /* once; at most one pending (sock_is_writing) */
bool sock_is_writing(const struct sock *s);
void sock_close(struct sock *s);
#endif
