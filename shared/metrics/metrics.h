/*
 * Counters and gauges of a service from one metrics.def, written in the Prometheus text format 0.0.4.
 * METRIC(kind, id, name, labels, help): rows of one name stand together; `labels` is "" or key="value",….
 */
#ifndef LC_SHARED_METRICS_H
#define LC_SHARED_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

struct metric_row {
    enum metric_kind kind;
    const char *name;
    const char *labels;
    const char *help;
};

/* Add and set may be called from any thread. */
static inline void metric_add(_Atomic int64_t *value, int64_t n)
{
    atomic_fetch_add_explicit(value, n, memory_order_relaxed);
}

static inline void metric_set(_Atomic int64_t *value, int64_t n)
{
    atomic_store_explicit(value, n, memory_order_relaxed);
}

/* The exposition as a malloc'ed, NUL-terminated text the caller frees; NULL when memory is out. */
char *metrics_render(const struct metric_row *rows, const _Atomic int64_t *values, size_t count, size_t *length);

#endif
