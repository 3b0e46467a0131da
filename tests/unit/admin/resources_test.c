/* Numbers, times and JSON texts of the resources: what goes in as text and comes out as text. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "services/admin-api/resources/decimal.h"
#include "services/admin-api/resources/decode.h"
#include "services/admin-api/resources/iso_time.h"
#include "services/admin-api/resources/jsontext.h"

struct number_case {
    const char *text;
    int result;
    int64_t value;
};

static void check_numbers(const struct number_case *cases, size_t count, int (*parse)(const char *, int64_t *))
{
    for (size_t i = 0; i < count; ++i) {
        int64_t n = 77;
        int result = parse(cases[i].text, &n);
        if (result != cases[i].result || (result != -EINVAL && n != cases[i].value))
            fail_msg("%s: %d %" PRId64, cases[i].text, result, n);
    }
}

static void test_decimals(void **state)
{
    static const struct number_case cases[] = {
        {"0", 0, 0},
        {"12", 0, 12},
        {" -3.9\t", 0, -3},
        {"+3.9", 0, 3},
        {".5", 0, 0},
        {"5.", 0, 5},
        {"1e3", 0, 1000},
        {"1.2345E3", 0, 1234},
        {"12345e-3", 0, 12},
        {"-1e-999999999", 0, 0},
        {"0e999999999", 0, 0},
        {"0.0000000000000000000000000001e28", 0, 1},
        {"00000000000000000000000000000001", 0, 1},
        {"9223372036854775807.999", 0, INT64_MAX},
        {"9223372036854775808", -ERANGE, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"-9223372036854775809", -ERANGE, INT64_MIN},
        {"1e19", -ERANGE, INT64_MAX},
        {"-1e999999999999999999999", -ERANGE, INT64_MIN},
        {"", -EINVAL, 0},
        {".", -EINVAL, 0},
        {"-", -EINVAL, 0},
        {"e5", -EINVAL, 0},
        {"1e", -EINVAL, 0},
        {"1e+", -EINVAL, 0},
        {"--1", -EINVAL, 0},
        {"1 2", -EINVAL, 0},
        {"0x1", -EINVAL, 0},
        {"NaN", -EINVAL, 0},
        {"1.2.3", -EINVAL, 0},
    };
    (void)state;
    check_numbers(cases, sizeof(cases) / sizeof(cases[0]), decimal_parse);
}

static void test_integers(void **state)
{
    static const struct number_case cases[] = {
        {"2004", 0, 2004},
        {" 2005.00 ", 0, 2005},
        {"5.", 0, 5},
        {"-0", 0, 0},
        {"9223372036854775807", 0, INT64_MAX},
        {"9223372036854775808", -ERANGE, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"-9223372036854775809", -ERANGE, INT64_MIN},
        {"1.5", -EINVAL, 0},
        {".0", -EINVAL, 0},
        {"1e3", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"- 1", -EINVAL, 0},
    };
    static const struct number_case paths[] = {
        {"2004", 0, 2004}, {"-1", 0, -1},     {"2004.0", -EINVAL, 0}, {" 2004", -EINVAL, 0},
        {"", -EINVAL, 0},  {"-", -EINVAL, 0}, {"1a", -EINVAL, 0},     {"99999999999999999999", -ERANGE, INT64_MAX},
    };
    (void)state;
    check_numbers(cases, sizeof(cases) / sizeof(cases[0]), integer_parse);
    check_numbers(paths, sizeof(paths) / sizeof(paths[0]), integer_parse_path);
}

/* --- times --- */

static void test_times_as_the_c_library_has_them(void **state)
{
    (void)state;
    for (int64_t day = -719162; day <= 2932896; day += 13) { /* 0001-01-01 to 9999-12-31 */
        char ours[ISO_TIME_SIZE], theirs[64];
        int64_t us = day * INT64_C(86400000000) + (day % 86400 + 86400) % 86400 * 1000000 + 7, back;
        time_t t = (time_t)((us - 7) / 1000000);
        struct tm tm;
        gmtime_r(&t, &tm);
        snprintf(theirs, sizeof(theirs), "%04d-%02d-%02dT%02d:%02d:%02d.000007Z", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        iso_time_format(us, ours);
        assert_string_equal(ours, theirs);
        assert_int_equal(iso_time_parse(ours, &back), 0);
        assert_int_equal(back, us);
    }
}

static void test_times_read(void **state)
{
    static const struct {
        const char *text, *shown; /* NULL: refused */
    } cases[] = {
        {"2026-11-23", "2026-11-23T00:00:00.000000Z"},
        {"2026-11-23T06:15", "2026-11-23T06:15:00.000000Z"},
        {"2026-11-23 06:15:19.6273841", "2026-11-23T06:15:19.627384Z"},
        {"2026-11-23T06:15:19+0330", "2026-11-23T02:45:19.000000Z"},
        {"2026-11-23T06:15:19-01", "2026-11-23T07:15:19.000000Z"},
        {" 2024-02-29 ", "2024-02-29T00:00:00.000000Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
        {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
        {"0001-01-01T00:00:00+00:01", NULL},
        {"9999-12-31T23:59:00-00:01", NULL},
        {"2025-02-29", NULL},
        {"1900-02-29", NULL},
        {"2026-13-01", NULL},
        {"2026-00-10", NULL},
        {"2026-1-1", NULL},
        {"10000-01-01", NULL},
        {"2026-11-23T24:00", NULL},
        {"2026-11-23T06:60", NULL},
        {"2026-11-23T06:15:19.", NULL},
        {"2026-11-23T06:15:19+24:00", NULL},
        {"2026-11-23T", NULL},
        {"", NULL},
        {"now", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        char shown[ISO_TIME_SIZE] = "";
        int64_t us;
        int err = iso_time_parse(cases[i].text, &us);
        if (err == 0)
            iso_time_format(us, shown);
        if ((err == 0) != (cases[i].shown != NULL) || (err == 0 && strcmp(shown, cases[i].shown) != 0))
            fail_msg("%s: %d %s", cases[i].text, err, shown);
    }
}

/* --- JSON texts --- */

static void check_like_jansson(const char *text)
{
    struct jsontext t = {.bytes = NULL};
    json_t *value = json_string(text);
    char *theirs = json_dumps(value, JSON_ENCODE_ANY);

    jsontext_string(&t, text);
    assert_false(t.failed);
    assert_int_equal(t.len, strlen(theirs));
    assert_true(memcmp(t.bytes, theirs, t.len) == 0);
    free(theirs);
    json_decref(value);
    jsontext_free(&t);
}

static void test_strings_as_jansson_has_them(void **state)
{
    (void)state;
    for (int c = 1; c < 0x80; ++c) {
        const char text[] = {'a', (char)c, 'b', (char)c, '\0'};
        check_like_jansson(text);
    }
    check_like_jansson("");
    check_like_jansson("лог \xF0\x9F\x98\x80 \xE2\x80\xA8\n\"\\/");
}

static void test_what_is_not_utf8(void **state)
{
    struct jsontext t = {.bytes = NULL};
    (void)state;
    jsontext_string(&t, "a\xff\"b");
    jsontext_raw(&t, "", 1);
    assert_string_equal(t.bytes, "\"a\xef\xbf\xbd\\\"b\"");
    jsontext_free(&t);
}

static void test_integers_of_any_size(void **state)
{
    static const int64_t numbers[] = {0, 1, -1, 9, 10, -10, 1234567890, INT64_MAX, INT64_MIN};
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); ++i) {
        struct jsontext t = {.bytes = NULL};
        char theirs[32];
        snprintf(theirs, sizeof(theirs), "%" PRId64, numbers[i]);
        jsontext_integer(&t, numbers[i]);
        jsontext_raw(&t, "", 1);
        assert_string_equal(t.bytes, theirs);
        jsontext_free(&t);
    }
}

static void test_values(void **state)
{
    struct jsontext t = {.bytes = NULL};
    (void)state;
    jsontext_value(&t, json_pack("{s:[i,b,n],s:s}", "a", 1, 1, "b", "c"));
    jsontext_value(&t, json_null());
    jsontext_value(&t, json_string("x\"y"));
    jsontext_raw(&t, "", 1);
    assert_string_equal(t.bytes, "{\"a\":[1,true,null],\"b\":\"c\"}null\"x\\\"y\"");
    assert_false(t.failed);
    jsontext_value(&t, NULL);
    assert_true(t.failed);
    jsontext_free(&t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_times_as_the_c_library_has_them),
        cmocka_unit_test(test_times_read),
        cmocka_unit_test(test_strings_as_jansson_has_them),
        cmocka_unit_test(test_what_is_not_utf8),
        cmocka_unit_test(test_integers_of_any_size),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
