/* What requests of the tus protocol say: fields, metadata, checksums. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/upload-gw/checksum.h"
#include "services/upload-gw/cors.h"
#include "services/upload-gw/tus_request.h"

/* A head with these lines; the text must outlive it. */
static struct head parse(const char *lines, char text[8192])
{
    struct head h;
    const char *why = NULL;
    snprintf(text, 8192, "PATCH / HTTP/1.1\r\nHost: x\r\n%s\r\n", lines);
    assert_true(head_parse(text, strlen(text), &h, &why) > 0);
    return h;
}

static void test_fields(void **state)
{
    static const struct {
        const char *lines;
        enum gateway_error error;
        int64_t offset, length;
        bool defers, content;
    } cases[] = {
        {"Tus-Resumable: 1.0.0\r\n", GATEWAY_OK, -1, -1, false, false},
        {"tus-resumable: 1.0.0\r\nUpload-Offset: 0\r\n", GATEWAY_OK, 0, -1, false, false},
        {"Tus-Resumable: 1.0.0\r\nUpload-Length: 999999999999999999\r\n", GATEWAY_OK, -1, 999999999999999999, false,
         false},
        {"Tus-Resumable: 1.0.0\r\nUpload-Length: 99999999999999999999\r\n", GATEWAY_OK, -1, 999999999999999999, false,
         false},
        {"Tus-Resumable: 1.0.0\r\nUpload-Offset: 1\r\nUpload-Offset: 1\r\n", GATEWAY_TUS_FIELD, 0, 0, false, false},
        {"Tus-Resumable: 1.0.0\r\nUpload-Defer-Length: 1\r\n", GATEWAY_OK, -1, -1, true, false},
        {"Tus-Resumable: 1.0.0\r\nUpload-Defer-Length: 0\r\n", GATEWAY_TUS_FIELD, -1, -1, false, false},
        {"Tus-Resumable: 1.0.0\r\nContent-Type: application/OFFSET+octet-stream\r\n", GATEWAY_OK, -1, -1, false, true},
        {"Tus-Resumable: 1.0\r\n", GATEWAY_TUS_VERSION, 0, 0, false, false},
        {"", GATEWAY_TUS_VERSION, 0, 0, false, false},
    };
    char text[8192];
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        struct tus_request r;
        struct head h = parse(cases[i].lines, text);
        assert_int_equal(tus_request_read(&h, &r), cases[i].error);
        assert_true((cases[i].error == GATEWAY_TUS_FIELD) == (r.why != NULL));
        if (cases[i].error != GATEWAY_OK)
            continue;
        assert_int_equal(r.offset, cases[i].offset);
        assert_int_equal(r.length, cases[i].length);
        assert_int_equal(r.defers, cases[i].defers);
        assert_int_equal(r.content, cases[i].content);
    }
}

static enum gateway_error read_metadata(const char *value, struct tus_metadata *m)
{
    char lines[8000], text[8192];
    const char *why;
    snprintf(lines, sizeof(lines), "Upload-Metadata: %s\r\n", value);
    struct head h = parse(lines, text);
    return tus_metadata_read(&h, m, &why);
}

static void test_metadata(void **state)
{
    static struct tus_metadata m;
    char text[8192];
    const char *why;
    (void)state;

    struct head none = parse("", text);
    assert_int_equal(tus_metadata_read(&none, &m, &why), GATEWAY_OK);
    assert_string_equal(m.kept, "");
    assert_int_equal(read_metadata("filename YXBwLmxvZw==, is_confidential,token c2VjcmV0 ,any AAEC", &m), GATEWAY_OK);
    assert_string_equal(m.name, "app.log");
    assert_string_equal(m.token, "secret");
    assert_string_equal(m.kept, "filename YXBwLmxvZw==,is_confidential,any AAEC");
    static const char *const bad[] = {
        "filename YXBwLmxvZw", "filename a b",     "x YQ==,x YQ==", ",",       "token YQ==,token YQ==,x",
        "filename YQ==,,x",    "filename Y\xc3==", "filename YR==", "token !", "token YQ==, token YQ=="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i)
        assert_int_equal(read_metadata(bad[i], &m), GATEWAY_TUS_FIELD);
}

static void test_metadata_is_bounded(void **state)
{
    static struct tus_metadata m;
    char value[6000] = "filename ";
    (void)state;

    memset(value + 9, 'A', 1364); /* 1023 bytes */
    assert_int_equal(read_metadata(value, &m), GATEWAY_OK);
    assert_int_equal(m.name_len, 1023);
    memset(value + 9, 'A', 1368);
    assert_int_equal(read_metadata(value, &m), GATEWAY_TUS_FIELD);
    memcpy(value, "whatever ", 9);
    memset(value + 9, 'A', 4084);
    value[9 + 4084] = '\0';
    assert_int_equal(read_metadata(value, &m), GATEWAY_OK);
    memset(value + 9, 'A', 4088);
    value[9 + 4088] = '\0';
    assert_int_equal(read_metadata(value, &m), GATEWAY_TUS_FIELD);
}

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static void test_checksums(void **state)
{
    struct checksum *c = NULL;
    (void)state;

    assert_int_equal(checksum_new(span_of("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0="), &c), 0); /* of "abc", FIPS 180 */
    checksum_update(c, "a", 1);
    checksum_update(c, "bc", 2);
    assert_true(checksum_matches(c));
    checksum_free(c);
    assert_int_equal(checksum_new(span_of("sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), &c), 0);
    checksum_update(c, "abc", 3);
    assert_true(checksum_matches(c));
    checksum_free(c);
    assert_int_equal(checksum_new(span_of("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0="), &c), 0);
    checksum_update(c, "abd", 3);
    assert_false(checksum_matches(c));
    checksum_free(c);
    assert_int_equal(checksum_new(span_of("md5 kAFQmDzST7DWlj99KOF/cg=="), &c), -ENOTSUP);
    assert_int_equal(checksum_new(span_of("sha1"), &c), -EINVAL);
    assert_int_equal(checksum_new(span_of("sha1 "), &c), -EINVAL);
    assert_int_equal(checksum_new(span_of("sha1 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), &c), -EINVAL);
    assert_int_equal(checksum_new(span_of("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0"), &c), -EINVAL);
    checksum_free(NULL);
}

static void test_origins(void **state)
{
    char why[128], text[8192];
    struct cors *c = NULL;
    bool allowed;
    (void)state;

    assert_int_equal(cors_check("https://a.example, http://b.example:8080/", why, sizeof(why)), 0);
    assert_int_equal(cors_check("*", why, sizeof(why)), 0);
    assert_int_equal(cors_check("https://a.example/path", why, sizeof(why)), -EINVAL);
    assert_int_equal(cors_check("a.example", why, sizeof(why)), -EINVAL);
    assert_int_equal(cors_new("https://a.example, http://b.example:8080/", "X: 1\r\n", &c), 0);
    struct head h = parse("Origin: http://b.example:8080\r\n", text);
    const char *lines = cors_lines(c, &h, &allowed);
    assert_true(allowed);
    assert_non_null(strstr(lines, "X: 1\r\n"));
    assert_non_null(strstr(lines, "Access-Control-Allow-Origin: http://b.example:8080\r\nVary: Origin\r\n"));
    h = parse("Origin: http://b.example\r\n", text);
    assert_string_equal(cors_lines(c, &h, &allowed), "X: 1\r\n");
    assert_false(allowed);
    cors_free(c);
    cors_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),    cmocka_unit_test(test_metadata), cmocka_unit_test(test_metadata_is_bounded),
        cmocka_unit_test(test_checksums), cmocka_unit_test(test_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
