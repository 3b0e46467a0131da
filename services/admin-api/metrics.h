/* admin-api's counters and gauges, from metrics.def. Add to admin_metrics[ADMIN_METRIC_…] from any thread. */
#ifndef LC_ADMIN_METRICS_H
#define LC_ADMIN_METRICS_H

#include "shared/metrics/histogram.h"
#include "shared/metrics/metrics.h"

enum admin_metric {
#define METRIC(kind, id, name, labels, help) ADMIN_METRIC_##id,
#include "services/admin-api/metrics.def"
#undef METRIC
    ADMIN_METRIC_COUNT
};

enum admin_histogram {
#define HISTOGRAM(id, ...) ADMIN_HISTOGRAM_##id,
#include "services/admin-api/histograms.def"
#undef HISTOGRAM
    ADMIN_HISTOGRAM_COUNT
};

extern const struct metric_row admin_metric_rows[ADMIN_METRIC_COUNT];
extern _Atomic int64_t admin_metrics[ADMIN_METRIC_COUNT];

extern const struct histogram_row admin_histogram_rows[ADMIN_HISTOGRAM_COUNT];
extern struct histogram admin_histograms[ADMIN_HISTOGRAM_COUNT];

/* For shared code that only has microseconds to tell. */
void admin_observe_database(int64_t microseconds);
void admin_observe_redis(int64_t microseconds);

#define ADMIN_COUNT(id)                 metric_add(&admin_metrics[ADMIN_METRIC_##id], 1)
#define ADMIN_OBSERVE(id, microseconds) histogram_observe(&admin_histograms[ADMIN_HISTOGRAM_##id], (microseconds))

#endif
