/* The tables of errors and metrics, made from their .def files. */
#include "services/upload-gw/errors.h"
#include "services/upload-gw/metrics.h"

#include <stddef.h>

const struct gateway_error_row gateway_errors[GATEWAY_ERRORS] = {
#define ERR(name, code_, retry, field_, label, message)                                                                \
    [GATEWAY_##name] = {.status = (code_),                                                                             \
                        .retry_after = (retry),                                                                        \
                        .id = #name,                                                                                   \
                        .field = (field_),                                                                             \
                        .code = (label),                                                                               \
                        .text = (message)},
#include "services/upload-gw/errors.def"
#undef ERR
};

_Atomic int64_t gateway_metrics[GATEWAY_METRICS];

const struct metric_row gateway_metric_rows[GATEWAY_METRICS] = {
#define METRIC(type, id, label, pairs, text)                                                                           \
    {.kind = METRIC_##type, .name = (label), .labels = (pairs), .help = (text)},
#include "services/upload-gw/metrics.def"
#undef METRIC
#define ERR(reason, ...)                                                                                               \
    {.kind = METRIC_COUNTER,                                                                                           \
     .name = "lc_refused_total",                                                                                       \
     .labels = "reason=\"" #reason "\"",                                                                               \
     .help = "Requests refused by reason."},
#include "services/upload-gw/errors.def"
#undef ERR
};

struct histogram gateway_histograms[GATEWAY_HISTOGRAMS];

const struct histogram_row gateway_histogram_rows[GATEWAY_HISTOGRAMS] = {
    [GATEWAY_HISTOGRAM_UPLOAD] = {"lc_upload_seconds",
                                  "How long uploads that were published took, from their head on."},
    [GATEWAY_HISTOGRAM_REDIS] = {"lc_redis_seconds", "How long Redis took to answer."},
};
