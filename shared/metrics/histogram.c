/* Histograms in the Prometheus text format 0.0.4; see histogram.h. */
#include "shared/metrics/histogram.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/metrics/metrics.h"

static const struct {
    int64_t us;
    const char *text; /* in seconds */
} bounds[HISTOGRAM_BOUNDS] = {
    {500, "0.0005"}, {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},    {25000, "0.025"},
    {50000, "0.05"}, {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},     {2500000, "2.5"},
    {5000000, "5"},  {10000000, "10"}, {30000000, "30"}, {60000000, "60"}, {600000000, "600"}, {3600000000, "3600"},
};

void histogram_observe(struct histogram *h, int64_t microseconds)
{
    int64_t us = microseconds < 0 ? 0 : microseconds;
    size_t i = 0;

    while (i < HISTOGRAM_BOUNDS && us > bounds[i].us)
        ++i;
    metric_add(&h->counts[i], 1);
    metric_add(&h->sum_us, us);
}

static void put(FILE *out, const struct histogram_row *row, const struct histogram *h)
{
    int64_t so_far = 0, sum = atomic_load_explicit(&h->sum_us, memory_order_relaxed);

    fprintf(out, "# HELP %s %s\n# TYPE %s histogram\n", row->name, row->help, row->name);
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; ++i) {
        so_far += atomic_load_explicit(&h->counts[i], memory_order_relaxed);
        fprintf(out, "%s_bucket{le=\"%s\"} %" PRId64 "\n", row->name, i < HISTOGRAM_BOUNDS ? bounds[i].text : "+Inf",
                so_far);
    }
    fprintf(out, "%s_sum %" PRId64 ".%06" PRId64 "\n%s_count %" PRId64 "\n", row->name, sum / 1000000, sum % 1000000,
            row->name, so_far);
}

char *histograms_render(const struct histogram_row *rows, const struct histogram *values, size_t count, size_t *length)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, length);

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < count; ++i)
        put(out, rows + i, values + i);
    bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

char *metrics_join(char *first, size_t first_len, char *second, size_t second_len)
{
    char *whole = first == NULL || second == NULL ? NULL : realloc(first, first_len + second_len + 1);

    if (whole != NULL)
        memcpy(whole + first_len, second, second_len + 1);
    else
        free(first);
    free(second);
    return whole;
}
