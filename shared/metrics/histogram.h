/*
 * How long things take, as Prometheus histograms: fixed bounds from half a millisecond to an hour, so that
 * observing is two additions. HISTOGRAM(id, name, help): names end in _seconds.
 */
#ifndef LC_SHARED_HISTOGRAM_H
#define LC_SHARED_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 18

struct histogram {
    _Atomic int64_t counts[HISTOGRAM_BOUNDS + 1]; /* of each interval; the last is beyond all bounds */
    _Atomic int64_t sum_us;
};

struct histogram_row {
    const char *name;
    const char *help;
};

/* Any thread. Negative counts as 0: clocks may jump. */
void histogram_observe(struct histogram *h, int64_t microseconds);
/* The exposition as a malloc'ed text the caller frees; NULL when memory is out. */
char *histograms_render(const struct histogram_row *rows, const struct histogram *values, size_t count, size_t *length);
/* Both texts in one, taking them over; NULL if either is, or memory is out. */
char *metrics_join(char *first, size_t first_len, char *second, size_t second_len);

#endif
