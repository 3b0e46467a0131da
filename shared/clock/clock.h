/*
 * The machine's clock, and how far it has run away from time itself: a step forward makes everything look old. It sees
 * only steps since it began to look; what was wrong before, others must tell. Any thread.
 */
#ifndef LC_SHARED_CLOCK_CLOCK_H
#define LC_SHARED_CLOCK_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

int64_t clock_now_us(void); /* microseconds since 1970 UTC */
/* Of a clock that nobody sets, to measure by: CLOCK_MONOTONIC, from any beginning. */
int64_t clock_steady_us(void);
int64_t clock_steady_ms(void);
/* A condition that is waited for until a time of that clock, which clock_steady_in tells. */
void clock_cond_init(pthread_cond_t *c);
struct timespec clock_steady_in(int64_t ms);
void clock_begin(void); /* before threads */
/* Microseconds that the clock has gained since clock_begin on what does not step; negative: lost. */
int64_t clock_ahead_us(void);

#endif
