/* The Prometheus text format: families announced once, escapes where the format has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/metrics/histogram.h"
#include "shared/metrics/metrics.h"

static const struct metric_row rows[] = {
    {METRIC_COUNTER, "lc_uploads_total", "result=\"ok\"", "Uploads by result."},
    {METRIC_COUNTER, "lc_uploads_total", "result=\"refused\",code=\"423\"", "Uploads by result."},
    {METRIC_GAUGE, "lc_open", "", "Open\nuploads \\ \"now\"."},
    {METRIC_GAUGE, "lc_path", "a=\"C:\\x\ny \"q\" z\",b=\"\"", "Odd labels."},
};
static _Atomic int64_t values[4];

static void test_render(void **state)
{
    size_t len = 0;
    char *text;

    (void)state;
    metric_set(&values[0], 5);
    metric_add(&values[0], 2);
    metric_set(&values[1], 0);
    metric_set(&values[2], -3);
    metric_set(&values[3], INT64_MAX);
    text = metrics_render(rows, values, 4, &len);
    assert_non_null(text);
    assert_int_equal(len, strlen(text));
    assert_string_equal(text, "# HELP lc_uploads_total Uploads by result.\n"
                              "# TYPE lc_uploads_total counter\n"
                              "lc_uploads_total{result=\"ok\"} 7\n"
                              "lc_uploads_total{result=\"refused\",code=\"423\"} 0\n"
                              "# HELP lc_open Open\\nuploads \\\\ \"now\".\n"
                              "# TYPE lc_open gauge\n"
                              "lc_open -3\n"
                              "# HELP lc_path Odd labels.\n"
                              "# TYPE lc_path gauge\n"
                              "lc_path{a=\"C:\\\\x\\ny \\\"q\\\" z\",b=\"\"} 9223372036854775807\n");
    free(text);
}

static void test_nothing(void **state)
{
    size_t len = 1;
    char *text = metrics_render(rows, values, 0, &len);

    (void)state;
    assert_non_null(text);
    assert_int_equal(len, 0);
    assert_string_equal(text, "");
    free(text);
}

static void test_histogram(void **state)
{
    static const struct histogram_row row = {"lc_wait_seconds", "Waiting."};
    static struct histogram h;
    size_t len = 0;
    (void)state;

    histogram_observe(&h, -5); /* the clock jumped */
    histogram_observe(&h, 500);
    histogram_observe(&h, 501);
    histogram_observe(&h, 2000000);
    histogram_observe(&h, INT64_C(7200) * 1000000);
    char *text = histograms_render(&row, &h, 1, &len);
    assert_non_null(text);
    assert_int_equal(len, strlen(text));
    static const char *const lines[] = {
        "# HELP lc_wait_seconds Waiting.\n# TYPE lc_wait_seconds histogram\n",
        "\nlc_wait_seconds_bucket{le=\"0.0005\"} 2\n",
        "\nlc_wait_seconds_bucket{le=\"0.001\"} 3\n",
        "\nlc_wait_seconds_bucket{le=\"1\"} 3\n",
        "\nlc_wait_seconds_bucket{le=\"2.5\"} 4\n",
        "\nlc_wait_seconds_bucket{le=\"3600\"} 4\n",
        "\nlc_wait_seconds_bucket{le=\"+Inf\"} 5\nlc_wait_seconds_sum 7202.001001\nlc_wait_seconds_count 5\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); ++i)
        if (strstr(text, lines[i]) == NULL)
            fail_msg("%s is not in\n%s", lines[i], text);
    char *whole = metrics_join(strdup("a\n"), 2, text, len);
    assert_non_null(whole);
    assert_int_equal(strlen(whole), len + 2);
    assert_memory_equal(whole, "a\n# HELP", 8);
    free(whole);
    assert_null(metrics_join(NULL, 0, strdup("b"), 1));
    assert_null(metrics_join(strdup("a"), 1, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_histogram),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
