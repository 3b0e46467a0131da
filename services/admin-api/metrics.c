/* The table and the values of admin-api's metrics. They only count; the HTTP side renders them. */
#include "services/admin-api/metrics.h"

const struct metric_row admin_metric_rows[ADMIN_METRIC_COUNT] = {
#define METRIC(kind, id, name, labels, help) [ADMIN_METRIC_##id] = {METRIC_##kind, name, labels, help},
#include "services/admin-api/metrics.def"
#undef METRIC
};

_Atomic int64_t admin_metrics[ADMIN_METRIC_COUNT];

const struct histogram_row admin_histogram_rows[ADMIN_HISTOGRAM_COUNT] = {
#define HISTOGRAM(id, name, help) [ADMIN_HISTOGRAM_##id] = {name, help},
#include "services/admin-api/histograms.def"
#undef HISTOGRAM
};

struct histogram admin_histograms[ADMIN_HISTOGRAM_COUNT];

void admin_observe_database(int64_t microseconds)
{
    ADMIN_OBSERVE(DATABASE, microseconds);
}

void admin_observe_redis(int64_t microseconds)
{
    ADMIN_OBSERVE(REDIS, microseconds);
}
