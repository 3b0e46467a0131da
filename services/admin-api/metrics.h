/* admin-api's counters and gauges, from metrics.def. Add to admin_metrics[ADMIN_METRIC_…] from any thread. */
#ifndef LC_ADMIN_METRICS_H
#define LC_ADMIN_METRICS_H

#include "shared/metrics/metrics.h"

enum admin_metric {
#define METRIC(kind, id, name, labels, help) ADMIN_METRIC_##id,
#include "services/admin-api/metrics.def"
#undef METRIC
    ADMIN_METRIC_COUNT
};

extern const struct metric_row admin_metric_rows[ADMIN_METRIC_COUNT];
extern _Atomic int64_t admin_metrics[ADMIN_METRIC_COUNT];

#define ADMIN_COUNT(id) metric_add(&admin_metrics[ADMIN_METRIC_##id], 1)

#endif
