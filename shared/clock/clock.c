/* The wall's clock against the monotonic one; see clock.h. */
#include "shared/clock/clock.h"

static int64_t difference_begun;

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_steady_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_steady_ms(void)
{
    return clock_steady_us() / 1000;
}

void clock_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

struct timespec clock_steady_in(int64_t ms)
{
    int64_t until = clock_steady_ms() + ms;
    return (struct timespec){.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
}

/* CLOCK_BOOTTIME: a machine that was suspended has not stepped. */
static int64_t difference(void)
{
    return clock_now_us() - read_us(CLOCK_BOOTTIME);
}

void clock_begin(void)
{
    difference_begun = difference();
}

int64_t clock_ahead_us(void)
{
    return difference() - difference_begun;
}
