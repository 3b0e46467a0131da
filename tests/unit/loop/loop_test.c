/* Loops: timers never early, restarted, stopped, messages from another thread in order, sockets paused and resumed. */
#include "shared/loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;

struct tick {
    struct loop_timer timer;
    int fired;
    uint64_t started_ms, fired_ms;
};

static void on_tick(struct loop_timer *t)
{
    struct tick *k = (struct tick *)(void *)t;
    ++k->fired;
    k->fired_ms = loop_now(loop);
}

static void on_last(struct loop_timer *t)
{
    on_tick(t);
    loop_stop(loop);
}

static void start(struct tick *k, uint32_t ms, void (*on_time)(struct loop_timer *t))
{
    k->started_ms = loop_now(loop);
    loop_timer_start(loop, &k->timer, ms, on_time);
}

static void test_timers(void **state)
{
    struct tick soon = {0}, later = {0}, never = {0}, last = {0};
    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    loop_timer_stop(&never.timer); /* harmless before it was ever started */
    start(&later, 40, on_tick);
    start(&never, 10, on_tick);
    start(&soon, 20, on_tick);
    start(&soon, 10, on_tick); /* restarted, not doubled */
    start(&last, 123, on_last);
    loop_timer_stop(&never.timer);
    loop_run(loop);
    assert_true(soon.fired == 1 && later.fired == 1 && never.fired == 0 && last.fired == 1);
    assert_true(soon.fired_ms - soon.started_ms >= 10 && later.fired_ms - later.started_ms >= 40);
    assert_true(last.fired_ms - last.started_ms >= 123); /* which is how long at least the others had */
    loop_free(loop);
}

#define MESSAGES 1000

struct note {
    struct loop_message message;
    int number;
};

static struct note notes[MESSAGES];
static int next_note;

static void on_note(struct loop_message *m)
{
    assert_int_equal(((struct note *)(void *)m)->number, next_note);
    if (++next_note == MESSAGES)
        loop_stop(loop);
}

static void *post_all(void *arg)
{
    (void)arg;
    for (int i = 0; i < MESSAGES; ++i) {
        notes[i].number = i;
        notes[i].message.run = on_note;
        loop_post(loop, &notes[i].message);
    }
    return NULL;
}

static void test_messages(void **state)
{
    pthread_t thread;
    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    pthread_create(&thread, NULL, post_all, NULL);
    loop_run(loop);
    pthread_join(thread, NULL);
    assert_int_equal(next_note, MESSAGES);
    loop_free(loop);
}

static int readable, peer;
static struct sock *watched;

static void on_pause_over(struct loop_timer *t);
static struct loop_timer pause_timer;

static void on_readable(struct sock *s, int err)
{
    char byte;
    assert_int_equal(err, 0);
    assert_int_equal(recv(sock_fd(s), &byte, 1, MSG_DONTWAIT), 1);
    ++readable;
    sock_stop_read(s); /* one byte a turn: the rest must be told of again after the pause */
    assert_false(sock_is_reading(s));
    if (readable == 3) {
        sock_close(s);
        loop_stop(loop);
    } else {
        loop_timer_start(loop, &pause_timer, 5, on_pause_over);
    }
}

static void on_pause_over(struct loop_timer *t)
{
    (void)t;
    sock_poll_read(watched, on_readable);
}

static void on_writable(struct sock *s, int err)
{
    assert_int_equal(err, 0);
    assert_int_equal(send(peer, "abc", 3, 0), 3);
    sock_poll_read(s, on_readable);
}

static void test_sockets(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer = fds[1];
    watched = sock_new(loop, fds[0], &readable);
    assert_ptr_equal(sock_data(watched), &readable);
    sock_poll_write(watched, on_writable);
    loop_run(loop);
    assert_int_equal(readable, 3);
    char byte;
    loop_free(loop);
    assert_int_equal(recv(peer, &byte, 1, 0), 0); /* sock_close closed the descriptor */
    close(peer);
}

struct beginning {
    struct loop *loop;
    pthread_t maker;
    int result;
};

static int begin(void *arg, struct loop **out)
{
    struct beginning *b = arg;
    b->maker = pthread_self();
    if (b->result == 0)
        b->result = loop_new(&b->loop);
    *out = b->loop;
    return b->result;
}

static void test_thread_makes_its_loop(void **state)
{
    pthread_t thread;
    static struct beginning begun;
    struct beginning refused = {.result = -EADDRINUSE};

    (void)state;
    assert_int_equal(loop_thread_start(&thread, begin, &refused), -EADDRINUSE);
    assert_int_equal(loop_thread_start(&thread, begin, &begun), 0);
    assert_true(pthread_equal(begun.maker, thread));
    loop_stop(begun.loop);
    pthread_join(thread, NULL); /* the loop lives as long as the process: its buffers went with its thread */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_timers), cmocka_unit_test(test_messages),
                                       cmocka_unit_test(test_sockets), cmocka_unit_test(test_thread_makes_its_loop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
