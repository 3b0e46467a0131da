/* Waiting by a clock that nobody sets: a wall clock that steps back must not prolong a rest, nor a step forward end it.
 */
#include "shared/clock/clock.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_condition_goes_by_the_steady_clock(void **state)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never;
    int64_t begun = clock_steady_ms();
    struct timespec until = clock_steady_in(30);
    int err = 0;

    (void)state;
    clock_cond_init(&never);
    pthread_mutex_lock(&lock);
    while (err == 0)
        err = pthread_cond_timedwait(&never, &lock, &until);
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&never);
    assert_int_equal(err, ETIMEDOUT);
    assert_true(clock_steady_ms() - begun >= 30); /* by the wall's clock that time is decades ago */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_condition_goes_by_the_steady_clock)};
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
