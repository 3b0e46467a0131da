/* The request head: what is taken, and a table of what is refused because two parsers could read it in two ways. */
#include "shared/http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static ssize_t parse(const char *text, struct head *h)
{
    const char *why = NULL;
    return head_parse(text, strlen(text), h, &why);
}

static void test_fields(void **state)
{
    static const char text[] = "POST /a/b?x=1 HTTP/1.1\r\nHost: h\r\nUpload-Token:  t \r\nContent-Length: 12\r\n"
                               "Expect: 100-Continue\r\n\r\nrest";
    struct head h;
    (void)state;
    assert_int_equal(parse(text, &h), (ssize_t)sizeof(text) - 5);
    assert_true(span_equals(h.method, "POST") && span_equals(h.path, "/a/b") && span_equals(h.query, "x=1"));
    assert_true(h.content_length == 12 && h.expect_continue && h.keep_alive && !h.chunked);
    assert_true(span_equals(*head_find(&h, "upload-token", NULL), "t"));
    assert_null(head_find(&h, "upload", NULL));
}

static void test_connection(void **state)
{
    struct head h;
    (void)state;
    assert_true(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: a, Close\r\n\r\n", &h) > 0 && !h.keep_alive);
    assert_true(parse("GET / HTTP/1.0\r\n\r\n", &h) > 0 && !h.keep_alive);
    assert_true(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &h) > 0 && h.keep_alive);
    assert_true(parse("\r\nGET http://h/p HTTP/1.1\r\nHost: h\r\n\r\n", &h) > 0 && span_equals(h.path, "/p"));
    assert_true(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", &h) > 0 && span_equals(h.path, "*"));
}

/* Every beginning of a good head is incomplete, never an error. */
static void test_prefixes(void **state)
{
    static const char text[] = "\r\nPUT /u/t/n HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX:\r\n\r\n";
    struct head h;
    const char *why = NULL;
    (void)state;
    for (size_t n = 0; n < sizeof(text) - 1; ++n)
        assert_int_equal(head_parse(text, n, &h, &why), 0);
    assert_int_equal(head_parse(text, sizeof(text) - 1, &h, &why), (ssize_t)sizeof(text) - 1);
    assert_true(h.chunked && h.content_length == -1);
}

#define REQUEST(fields) "POST / HTTP/1.1\r\nHost: h\r\n" fields "\r\n\r\n"

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {REQUEST("Content-Length: 5\r\nContent-Length: 5"), HEAD_BAD},
        {REQUEST("Content-Length: 5\r\nContent-Length: 6"), HEAD_BAD},
        {REQUEST("Content-Length: 5, 5"), HEAD_BAD},
        {REQUEST("Content-Length: +5"), HEAD_BAD},
        {REQUEST("Content-Length: -5"), HEAD_BAD},
        {REQUEST("Content-Length: 0x5"), HEAD_BAD},
        {REQUEST("Content-Length: 5 5"), HEAD_BAD},
        {REQUEST("Content-Length: "), HEAD_BAD},
        {REQUEST("Content-Length: 9999999999999999999"), HEAD_BAD},
        {REQUEST("Content-Length: 5\r\nTransfer-Encoding: chunked"), HEAD_BAD},
        {REQUEST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), HEAD_BAD},
        {REQUEST("Transfer-Encoding: chunked, identity"), HEAD_CODING},
        {REQUEST("Transfer-Encoding: xchunked"), HEAD_CODING},
        {REQUEST("Transfer-Encoding: chunked;x"), HEAD_CODING},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HEAD_BAD},
        {REQUEST("X: a\r\n b"), HEAD_BAD},
        {REQUEST("X : a"), HEAD_BAD},
        {REQUEST(" X: a"), HEAD_BAD},
        {REQUEST(": a"), HEAD_BAD},
        {REQUEST("X\ty: a"), HEAD_BAD},
        {REQUEST("X: a\x01"), HEAD_BAD},
        {REQUEST("X: a\x7f"), HEAD_BAD},
        {REQUEST("X: a\rb"), HEAD_BAD},
        {REQUEST("X: a\nY: b"), HEAD_BAD},
        {"GET / HTTP/1.1\nHost: h\n\n", HEAD_BAD},
        {"GET / HTTP/1.1\r\n\r\n", HEAD_BAD},
        {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", HEAD_BAD},
        {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", HEAD_BAD},
        {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", HEAD_BAD},
        {"GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n", HEAD_BAD},
        {"GET /#f HTTP/1.1\r\nHost: h\r\n\r\n", HEAD_BAD},
        {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", HEAD_BAD},
        {"GET nothing HTTP/1.1\r\nHost: h\r\n\r\n", HEAD_BAD},
        {"GET /\r\n", HEAD_BAD},
        {"GET / HTTP/2.0\r\n", HEAD_VERSION},
        {"GET / HTTP/1.2\r\n", HEAD_VERSION},
        {"GET / http/1.1\r\n", HEAD_BAD},
        {"PRI * HTTP/2.0\r\n\r\n", HEAD_VERSION},
        {"\x16\x03\x01", HEAD_BAD},
        {" GET /", HEAD_BAD},
        {"\r\n\r\nGET /", HEAD_BAD},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGH", HEAD_BAD},
        {REQUEST("Expect: magic"), HEAD_EXPECTATION},
    };
    struct head h;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i)
        if (parse(cases[i].text, &h) != cases[i].error)
            fail_msg("%zu: %s gives %zd", i, cases[i].text, parse(cases[i].text, &h));
}

static void test_limits(void **state)
{
    char text[HEAD_MAX_BYTES + 64];
    struct head h;
    const char *why = NULL;
    size_t n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    (void)state;
    memset(text + n, 'y', sizeof(text) - n);
    assert_int_equal(head_parse(text, HEAD_MAX_BYTES - 1, &h, &why), 0);
    assert_int_equal(head_parse(text, HEAD_MAX_BYTES, &h, &why), HEAD_TOO_LARGE);
    n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < HEAD_MAX_FIELDS; ++i, n += 6)
        memcpy(text + n, "A: b\r\n", 6);
    assert_int_equal(head_parse(text, n, &h, &why), HEAD_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_connection), cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
