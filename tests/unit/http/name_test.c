/* Names: from Content-Disposition, percent-escapes and query strings to what an archive may be called. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include <cmocka.h>

#include "shared/http/disposition.h"
#include "shared/http/filename.h"
#include "shared/http/percent.h"
#include "shared/http/query.h"

static void test_clean(void **state)
{
    static const struct {
        const char *raw, *clean; /* NULL: refused */
    } cases[] = {
        {"app.log", "app.log"},
        {"../../etc/passwd", "passwd"},
        {"C:\\dir\\a b.log", "a_b.log"},
        {" spaced name ", "spaced_name"},
        {"лог файл.txt", "лог_файл.txt"},
        {"日志.zip", "日志.zip"},
        {"a\u200b\u202e<>|\"'\x01.txt", "a.txt"},
        {"e\u0301.txt", "\u00e9.txt"},
        {"e\u200d\u0301.txt", "\u00e9.txt"},
        {".hidden", ".hidden"},
        {"...", "..."},
        {"", NULL},
        {".", NULL},
        {"..", NULL},
        {"dir/", NULL},
        {"///", NULL},
        {"<>", NULL},
        {" ", NULL},
        {"\xff\xfe", NULL},
        {"\xc0\xaf", NULL},
    };
    char out[FILENAME_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        ssize_t n = filename_clean(cases[i].raw, strlen(cases[i].raw), out);
        if (cases[i].clean == NULL) {
            assert_int_equal(n, -EINVAL);
            continue;
        }
        assert_int_equal(n, (ssize_t)strlen(cases[i].clean));
        assert_string_equal(out, cases[i].clean);
    }
}

static void test_long_names(void **state)
{
    char raw[400], out[FILENAME_SIZE], again[FILENAME_SIZE];
    (void)state;
    memset(raw, 'x', sizeof(raw));
    memcpy(raw + 200, ".tar.gz", 7);
    assert_int_equal(filename_clean(raw, 207, out), FILENAME_MAX_CHARS);
    assert_string_equal(out + FILENAME_MAX_CHARS - 3, ".gz");
    assert_int_equal(filename_clean(raw, 256, out), -ENAMETOOLONG);
    raw[0] = '/';
    assert_int_equal(filename_clean(raw, 256, out), FILENAME_MAX_CHARS);
    for (size_t i = 0; i + 3 <= 255; i += 3)
        memcpy(raw + i, "語", 3);
    assert_int_equal(filename_clean(raw, 255, out), 85 * 3);
    assert_int_equal(filename_suffixed(out, again), 82 * 3 + 8); /* 255 bytes are the limit, and 82 whole characters */
    assert_int_equal(filename_clean(again, 82 * 3 + 8, out), 82 * 3 + 8);
    for (size_t i = 0; i + 3 <= 255; i += 3)
        memcpy(raw + i, "\u0958", 3); /* twice as long in NFC */
    assert_int_equal(filename_clean(raw, 255, out), 85 * 3);
    assert_int_equal(filename_clean(out, 85 * 3, again), 85 * 3);
    assert_string_equal(again, out);
}

static void test_suffix(void **state)
{
    char out[FILENAME_SIZE], other[FILENAME_SIZE];
    (void)state;
    assert_int_equal(filename_suffixed("app.tar.gz", out), 18);
    assert_memory_equal(out, "app.tar_", 8);
    assert_string_equal(out + 15, ".gz");
    assert_int_equal(strspn(out + 8, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"), 7);
    assert_int_equal(filename_suffixed("app.tar.gz", other), 18);
    assert_string_not_equal(out, other);
    assert_int_equal(filename_suffixed("noext", out), 13);
}

/* Whatever comes in: refused, or a name that is safe, short and stays as it is when cleaned again. */
static void test_random(void **state)
{
    static const char *const pieces[] = {"a",      ".",  "..",     "/",  "\\",          " ", "\u0301",
                                         "\u202e", "語", "\xff",   "\r", "-",           "_", "\U0001F600",
                                         "ß",      "١",  "\u00a0", "%",  "\u1100\u1161"};
    (void)state;
    srand(7);
    for (int round = 0; round < 20000; ++round) {
        char raw[512], out[FILENAME_SIZE], again[FILENAME_SIZE];
        size_t len = 0;
        for (int i = rand() % 60; i > 0; --i) {
            const char *piece = pieces[(size_t)rand() % (sizeof(pieces) / sizeof(pieces[0]))];
            memcpy(raw + len, piece, strlen(piece));
            len += strlen(piece);
        }
        ssize_t n = filename_clean(raw, len, out);
        if (n < 0)
            continue;
        assert_true(n > 0 && (size_t)n == strlen(out) && strpbrk(out, "/\\ \r%") == NULL);
        assert_true(strcmp(out, ".") != 0 && strcmp(out, "..") != 0);
        assert_null(u8_check((const uint8_t *)out, (size_t)n));
        assert_true(u8_mbsnlen((const uint8_t *)out, (size_t)n) <= FILENAME_MAX_CHARS);
        assert_int_equal(filename_clean(out, (size_t)n, again), n);
        assert_string_equal(again, out);
    }
}

static ssize_t param(const char *header, const char *name, char *out, size_t size)
{
    return disposition_param((struct span){header, strlen(header)}, name, false, out, size);
}

static void test_disposition(void **state)
{
    char out[64];
    (void)state;
    assert_int_equal(param("attachment; filename=x", "filename", out, sizeof(out)), 1);
    assert_int_equal(param("attachment; FileName = \"a;b\\\"c\" ; other=1", "filename", out, sizeof(out)), 5);
    assert_string_equal(out, "a;b\"c");
    assert_int_equal(param("attachment; filename*=utf-8'en'%e2%82%ac; filename=e", "filename", out, sizeof(out)), 3);
    assert_string_equal(out, "\u20ac");
    assert_int_equal(param("attachment; filename=e; filename*=iso-8859-1''%e9", "filename", out, sizeof(out)), 2);
    assert_string_equal(out, "\u00e9");
    assert_int_equal(param("attachment; filename=e; filename*=koi8-r''x", "filename", out, sizeof(out)), 1);
    /* an extended value that breaks off half-way leaves the plain one whole */
    assert_int_equal(param("attachment; filename=plain; filename*=utf-8''XXXXXXX%00", "filename", out, sizeof(out)), 5);
    assert_string_equal(out, "plain");
    assert_int_equal(param("attachment; filename=plain; filename*=iso-8859-1''\xe9\xe9\xe9\xe9", "filename", out, 8),
                     5);
    assert_string_equal(out, "plain");
    assert_int_equal(param("attachment", "filename", out, sizeof(out)), -ENOENT);
    assert_int_equal(param("attachment; filename=", "filename", out, sizeof(out)), 0);
    assert_int_equal(param("attachment; filename=\"open", "filename", out, sizeof(out)), -EINVAL);
    assert_int_equal(param("attachment; filename=\"a\"b", "filename", out, sizeof(out)), -EINVAL);
    assert_int_equal(param("attachment; filename=a; filename=b", "filename", out, sizeof(out)), -EINVAL);
    assert_int_equal(param("attachment; filename=12345678", "filename", out, 8), -ENAMETOOLONG);
}

static void test_attachment(void **state)
{
    char out[256];
    (void)state;
    assert_true(disposition_attachment("лог\"\r\n.txt", out, sizeof(out)) > 0);
    assert_string_equal(out, "attachment; filename=\"______.txt\"; filename*=UTF-8''%D0%BB%D0%BE%D0%B3%22%0D%0A.txt");
    assert_int_equal(disposition_attachment("x", out, 10), -ENAMETOOLONG);
}

static void test_query(void **state)
{
    struct query *q;
    const char *why, *text = "a=1&b=x+y%26&&a=2&c&%D0%BB=";
    (void)state;
    assert_int_equal(query_parse((struct span){text, strlen(text)}, &q, &why), 0);
    assert_int_equal(query_count(q), 5);
    assert_string_equal(query_get(q, "a"), "2");
    assert_string_equal(query_get(q, "b"), "x y&");
    assert_string_equal(query_get(q, "c"), "");
    assert_string_equal(query_get(q, "л"), "");
    assert_null(query_get(q, "d"));
    query_free(q);
    assert_int_equal(query_parse((struct span){NULL, 0}, &q, &why), 0);
    assert_int_equal(query_count(q), 0);
    query_free(q);
    static const char *const bad[] = {"a=%", "a=%4", "a=%zz", "a=%00", "a=%ff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i)
        assert_int_equal(query_parse((struct span){bad[i], strlen(bad[i])}, &q, &why), -EINVAL);
    char many[2000];
    memset(many, '&', sizeof(many));
    assert_int_equal(query_parse((struct span){many, sizeof(many)}, &q, &why), -E2BIG);
}

static void test_percent(void **state)
{
    char out[PERCENT_ROOM(4)];
    (void)state;
    char *text = percent_encoded("a-._~Z9 /%&\xd0\xb6\x01", PERCENT_UNRESERVED "/");
    assert_string_equal(text, "a-._~Z9%20/%25%26%D0%B6%01");
    free(text);
    assert_int_equal(percent_encode("////", "", out, sizeof(out)), 12);
    assert_string_equal(out, "%2F%2F%2F%2F");
    assert_int_equal(percent_encode("a//", "a", out, 6), 4); /* the second has no room */
    assert_string_equal(out, "a%2F");
    assert_int_equal(percent_encode("a", "", out, 1), 0);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),  cmocka_unit_test(test_long_names),  cmocka_unit_test(test_suffix),
        cmocka_unit_test(test_random), cmocka_unit_test(test_disposition), cmocka_unit_test(test_attachment),
        cmocka_unit_test(test_query),  cmocka_unit_test(test_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
