/* The gateway's counters: rows of metrics.def, then one counter per row of errors.def. */
#ifndef LC_GATEWAY_METRICS_H
#define LC_GATEWAY_METRICS_H

#include "services/upload-gw/errors.h"
#include "shared/metrics/histogram.h"
#include "shared/metrics/metrics.h"

enum gateway_metric {
#define METRIC(kind, id, ...) GATEWAY_METRIC_##id,
#include "services/upload-gw/metrics.def"
#undef METRIC
    GATEWAY_METRICS_OWN,
    GATEWAY_METRICS = GATEWAY_METRICS_OWN + GATEWAY_ERRORS - 1
};

extern _Atomic int64_t gateway_metrics[GATEWAY_METRICS];
extern const struct metric_row gateway_metric_rows[GATEWAY_METRICS];

enum gateway_histogram { GATEWAY_HISTOGRAM_UPLOAD, GATEWAY_HISTOGRAM_REDIS, GATEWAY_HISTOGRAMS };

extern struct histogram gateway_histograms[GATEWAY_HISTOGRAMS];
extern const struct histogram_row gateway_histogram_rows[GATEWAY_HISTOGRAMS];

#define COUNT(id)       metric_add(&gateway_metrics[GATEWAY_METRIC_##id], 1)
#define COUNT_BY(id, n) metric_add(&gateway_metrics[GATEWAY_METRIC_##id], (n))

static inline void count_refusal(enum gateway_error e)
{
    metric_add(&gateway_metrics[GATEWAY_METRICS_OWN + (int)e - 1], 1);
}

#endif
