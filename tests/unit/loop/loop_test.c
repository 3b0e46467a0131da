/* Loops: timers in order and restarted, messages from another thread in order, sockets paused and resumed. */
#include "shared/loop/loop.h"

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
    int fired, order;
};

static int fired_in_all;

static void on_tick(struct loop_timer *t)
{
    struct tick *k = (struct tick *)(void *)t;
    ++k->fired;
    k->order = ++fired_in_all;
}

static void on_last(struct loop_timer *t)
{
    on_tick(t);
    loop_stop(loop);
}

static void test_timers(void **state)
{
    struct tick soon = {0}, later = {0}, never = {0}, last = {0};
    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    loop_timer_stop(&never.timer); /* harmless before it was ever started */
    loop_timer_start(loop, &later.timer, 40, on_tick);
    loop_timer_start(loop, &never.timer, 10, on_tick);
    loop_timer_start(loop, &soon.timer, 20, on_tick);
    loop_timer_start(loop, &soon.timer, 10, on_tick); /* restarted, not doubled */
    loop_timer_start(loop, &last.timer, 123, on_last);
    loop_timer_stop(&never.timer);
    loop_run(loop);
    assert_true(soon.fired == 1 && later.fired == 1 && never.fired == 0 && last.fired == 1);
    assert_true(soon.order < later.order && later.order < last.order);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_timers), cmocka_unit_test(test_messages),
                                       cmocka_unit_test(test_sockets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
