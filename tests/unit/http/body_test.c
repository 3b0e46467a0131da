/* Chunked and multipart: the same output wherever the input is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/http/chunked.h"
#include "shared/http/multipart.h"

struct output {
    char text[4096];
    size_t len;
};

static void put(struct output *o, const char *data, size_t len)
{
    assert_true(o->len + len < sizeof(o->text));
    memcpy(o->text + o->len, data, len);
    o->len += len;
    o->text[o->len] = '\0';
}

static enum chunked_result dechunk(struct chunked *c, const char *data, size_t len, struct output *o)
{
    const char *payload;
    size_t payload_len;
    enum chunked_result r;
    while ((r = chunked_next(c, &data, &len, &payload, &payload_len)) == CHUNKED_PAYLOAD)
        put(o, payload, payload_len);
    if (r == CHUNKED_END)
        assert_true(len == 0 || strncmp(data, "NEXT", len) == 0);
    return r;
}

static void test_chunked_splits(void **state)
{
    static const char body[] = "3\r\nabc\r\nA;x=\"y\" \r\n0123456789\r\n1 \r\nz\r\n0;e\r\nTrailer: x\r\nB:\r\n\r\n";
    (void)state;
    for (size_t i = 0; i < sizeof(body); ++i)
        for (size_t j = i; j < sizeof(body); ++j) {
            struct chunked c;
            struct output o = {.len = 0};
            chunked_init(&c);
            enum chunked_result r = dechunk(&c, body, i, &o);
            if (r == CHUNKED_MORE)
                r = dechunk(&c, body + i, j - i, &o);
            if (r == CHUNKED_MORE)
                r = dechunk(&c, body + j, sizeof(body) - 1 - j, &o);
            assert_int_equal(r, CHUNKED_END);
            assert_string_equal(o.text, "abc0123456789z");
        }
}

static void test_chunked_refused(void **state)
{
    static const char *const bodies[] = {"+3\r\nabc",
                                         " 3\r\n",
                                         "0x3\r\n",
                                         "\r\n",
                                         ";\r\n",
                                         "g\r\n",
                                         "3\nabc",
                                         "3\r\nabcd\r\n",
                                         "3\r\nabc\n",
                                         "1000000000000000\r\n",
                                         "0\r\n x: folded\r\n",
                                         "0\r\nx\r\r\n",
                                         "3;\x01\r\n",
                                         "0\r\n\r "};
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); ++i) {
        struct chunked c;
        struct output o = {.len = 0};
        chunked_init(&c);
        assert_int_equal(dechunk(&c, bodies[i], strlen(bodies[i]), &o), CHUNKED_BAD);
    }
}

static void test_chunked_bounds(void **state)
{
    struct chunked c;
    struct output o = {.len = 0};
    (void)state;
    chunked_init(&c);
    assert_int_equal(dechunk(&c, "5;", 2, &o), CHUNKED_MORE);
    enum chunked_result r = CHUNKED_MORE;
    for (int i = 0; i < 5000 && r == CHUNKED_MORE; ++i)
        r = dechunk(&c, "x", 1, &o);
    assert_int_equal(r, CHUNKED_BAD);
    chunked_init(&c);
    r = dechunk(&c, "0\r\n", 3, &o);
    for (int i = 0; i < 5000 && r == CHUNKED_MORE; ++i)
        r = dechunk(&c, "a: b\r\n", 6, &o);
    assert_int_equal(r, CHUNKED_BAD);
}

static enum multipart_result feed(struct multipart *m, const char *data, size_t len, struct output *o)
{
    const char *payload;
    size_t payload_len;
    for (;;) {
        enum multipart_result r = multipart_next(m, &data, &len, &payload, &payload_len);
        if (r == MULTIPART_PART) {
            const char *name = multipart_name(m), *file = multipart_filename(m);
            put(o, "[", 1);
            put(o, name != NULL ? name : "-", name != NULL ? strlen(name) : 1);
            put(o, "|", 1);
            put(o, file != NULL ? file : "-", file != NULL ? strlen(file) : 1);
            put(o, ":", 1);
        } else if (r == MULTIPART_DATA) {
            put(o, payload, payload_len);
        } else if (r == MULTIPART_PART_END) {
            put(o, "]", 1);
        } else {
            return r;
        }
    }
}

static enum multipart_result decode(const char *type, const char *body, size_t cut, size_t step, struct output *o)
{
    const char *why;
    struct multipart *m = multipart_new((struct span){type, strlen(type)}, &why);
    size_t len = strlen(body), at = cut;
    enum multipart_result r;
    assert_non_null(m);
    o->len = 0;
    r = feed(m, body, cut, o);
    while (at < len && r == MULTIPART_MORE) {
        size_t n = len - at < step ? len - at : step;
        r = feed(m, body + at, n, o);
        at += n;
    }
    multipart_free(m);
    return r;
}

#define TYPE "multipart/form-data; boundary=bo"
#define FILE_PART                                                                                                      \
    "--bo\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.txt\"\r\nContent-Type: x/y\r\n\r\n"

static const struct {
    const char *body, *expected;
} good[] = {
    {FILE_PART "hello\r\n--bo--\r\n", "[file|a b.txt:hello]"},
    {FILE_PART "\r\n--bo--", "[file|a b.txt:]"},
    {"preamble\r\n--b\r\n" FILE_PART "x\r\n--bo--epilogue\r\n--bo\r\n", "[file|a b.txt:x]"},
    {FILE_PART "\r\n--b\r\n--bx\r\n--box\r\n--bo-x\r\n--bo\rx\r\n\r\n--bo\r\r\n--bo--", NULL},
    {FILE_PART "1\r\n--bo \t\r\nContent-Disposition: form-data; name=n\r\n\r\n2\r\n--bo\r\n\r\n3\r\n--bo--",
     "[file|a b.txt:1][n|-:2][-|-:3]"},
    {"--bo\r\ncontent-disposition:form-data;name=\"q\\\"\\\\\";filename*=UTF-8''%D0%BB%20x;filename=y\r\n\r\n1\r\n--bo-"
     "-",
     "[q\"\\|\xd0\xbb x:1]"},
    {"--bo\r\nContent-Disposition: form-data; name=\"a%22b\"; filename=\"C:\\dir\\f\"\r\n\r\n1\r\n--bo--",
     "[a\"b|C:\\dir\\f:1]"},
};

static void test_multipart_splits(void **state)
{
    struct output o;
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); ++i) {
        const char *expected = good[i].expected != NULL
                                   ? good[i].expected
                                   : "[file|a b.txt:\r\n--b\r\n--bx\r\n--box\r\n--bo-x\r\n--bo\rx\r\n\r\n--bo\r]";
        for (size_t cut = 0; cut <= strlen(good[i].body); ++cut)
            for (size_t step = 1; step <= 64; step = step * 3 + 1) {
                assert_int_equal(decode(TYPE, good[i].body, cut, step, &o), MULTIPART_END);
                assert_string_equal(o.text, expected);
            }
    }
}

static void test_multipart_refused(void **state)
{
    static const char *const bodies[] = {
        "--bo\r\nContent-Disposition: form-data; name=\"file\r\n\r\nx",
        "--bo\r\nX: y\r\n folded\r\n\r\nx",
        "--bo\r\nno colon\r\n\r\nx",
        "--bo\r\nContent-Disposition: form-data; name=a\nX: y\r\n\r\n",
        "--bo\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n",
        "--bo\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n",
        "--bo\r\nContent-Disposition: form-data; name=\"a\"; filename*=UTF-8''%00\r\n\r\nx",
        "--bo x\r\n",
    };
    struct output o;
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); ++i) {
        enum multipart_result r = decode(TYPE, bodies[i], 0, 5, &o);
        if (i != 6) /* a broken filename* leaves none */
            assert_int_equal(r, MULTIPART_BAD);
    }
    assert_int_equal(decode(TYPE, "nothing of the kind", 0, 3, &o), MULTIPART_MORE);
    assert_int_equal(decode(TYPE, FILE_PART "cut", 0, 3, &o), MULTIPART_MORE);
    assert_int_equal(decode(TYPE, "--bo\nContent-Disposition: form-data; name=a\n\nx\n--bo--\n", 0, 3, &o),
                     MULTIPART_MORE);
}

static void test_boundaries(void **state)
{
    static const char *const bad[] = {
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\tb\"",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901"};
    struct output o;
    const char *why;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i) {
        assert_null(multipart_new((struct span){bad[i], strlen(bad[i])}, &why));
        assert_non_null(why);
    }
    assert_int_equal(
        decode("Multipart/Form-Data; charset=utf-8; Boundary=\"b o\"", "--b o\r\n\r\nx\r\n--b o--", 0, 2, &o),
        MULTIPART_END);
    assert_string_equal(o.text, "[-|-:x]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunked_splits),    cmocka_unit_test(test_chunked_refused),
        cmocka_unit_test(test_chunked_bounds),    cmocka_unit_test(test_multipart_splits),
        cmocka_unit_test(test_multipart_refused), cmocka_unit_test(test_boundaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
