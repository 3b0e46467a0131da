/* The loop that plays a test's steps; see link_steps.h. */
#include "tests/unit/redis/link_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LOOK_MS 5
#define LOOKS   6000

struct redis_link *link_under_test;
int link_ups, link_new_servers, link_downs, answers;
struct admission last_admission;

static struct loop *loop;
static struct loop_timer ticker;
static const struct step *next_step, *end_of_steps;
static bool acted;
static int looks;

static void on_up(void *arg, bool new_server)
{
    (void)arg;
    ++link_ups;
    link_new_servers += new_server;
}

static void on_down(void *arg, int err, const char *why)
{
    (void)arg;
    assert_true(err < 0 && why != NULL);
    ++link_downs;
}

bool is_up(void)
{
    return redis_link_is_up(link_under_test);
}

bool is_down(void)
{
    return !redis_link_is_up(link_under_test);
}

void on_admission(void *arg, const struct admission *a)
{
    (void)arg;
    last_admission = *a;
    ++answers;
}

static void on_tick(struct loop_timer *t)
{
    while (next_step < end_of_steps) {
        if (!acted && next_step->act != NULL)
            next_step->act();
        acted = true;
        if (next_step->done != NULL && !next_step->done())
            break;
        ++next_step;
        acted = false;
        looks = 0;
    }
    if (next_step == end_of_steps || ++looks == LOOKS)
        loop_stop(loop);
    else
        loop_timer_start(loop, t, LOOK_MS, on_tick);
}

void play(const char *url, unsigned timeout_ms, const struct step *steps, size_t count)
{
    static const struct redis_link_events events = {.on_up = on_up, .on_down = on_down};
    struct redis_target *target = NULL;
    char why[256];

    link_ups = link_new_servers = link_downs = answers = looks = 0;
    acted = false;
    next_step = steps;
    end_of_steps = steps + count;
    assert_int_equal(redis_target_parse(url, &target, why, sizeof(why)), 0);
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(redis_link_new(loop, target, timeout_ms, &events, NULL, &link_under_test), 0);
    loop_timer_start(loop, &ticker, LOOK_MS, on_tick);
    loop_run(loop);
    redis_link_free(link_under_test);
    link_under_test = NULL;
    loop_free(loop);
    redis_target_free(target);
    if (next_step < end_of_steps)
        fail_msg("not in time: %s", next_step->what);
}
