/*
 * How strict the head and chunk parsers are, clause by clause of RFC 9112 and RFC 9110: what two servers in a row could
 * read in two ways is refused. Every row names its clause; a row that is taken says what was understood.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/http/chunked.h"
#include "shared/http/head.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

enum framing { NONE = -1, CHUNKED = -2 }; /* of what was understood; else a Content-Length */

struct head_row {
    const char *clause, *bytes;
    size_t len; /* 0: strlen */
    int error;  /* 0: taken */
    int64_t framing;
};

#define POST(fields) "POST / HTTP/1.1\r\nHost: h\r\n" fields "\r\n\r\n"
#define TAKEN(clause, b, f)                                                                                            \
    {                                                                                                                  \
        clause, b, 0, 0, f                                                                                             \
    }
#define BAD(clause, b)                                                                                                 \
    {                                                                                                                  \
        clause, b, 0, HEAD_BAD, NONE                                                                                   \
    }
#define BAD_NUL(clause, b)                                                                                             \
    {                                                                                                                  \
        clause, b, sizeof(b) - 1, HEAD_BAD, NONE                                                                       \
    }
#define OTHER(clause, b, e)                                                                                            \
    {                                                                                                                  \
        clause, b, 0, e, NONE                                                                                          \
    }

static const struct head_row head_rows[] = {
    /* --- where the message ends --- */
    TAKEN("9112 6.2 no body", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", NONE),
    TAKEN("9112 6.2 length", POST("Content-Length: 5"), 5),
    TAKEN("9112 6.2 length 0", POST("Content-Length: 0"), 0),
    TAKEN("9110 8.6 1*DIGIT", POST("Content-Length: 0005"), 5),
    TAKEN("9110 8.6 18 digits", POST("Content-Length: 999999999999999999"), 999999999999999999),
    BAD("9112 6.3 two equal lengths", POST("Content-Length: 5\r\nContent-Length: 5")),
    BAD("9112 6.3 two lengths", POST("Content-Length: 5\r\nContent-Length: 6")),
    BAD("9112 6.3 two lengths, far apart", POST("Content-Length: 5\r\nX: y\r\ncontent-LENGTH: 5")),
    BAD("9112 6.3 list of lengths", POST("Content-Length: 5, 5")),
    BAD("9110 8.6 sign", POST("Content-Length: +5")),
    BAD("9110 8.6 sign", POST("Content-Length: -5")),
    BAD("9110 8.6 sign", POST("Content-Length: -0")),
    BAD("9110 8.6 blank inside", POST("Content-Length: 5 5")),
    BAD("9110 8.6 hex", POST("Content-Length: 0x5")),
    BAD("9110 8.6 hex", POST("Content-Length: 5h")),
    BAD("9110 8.6 point", POST("Content-Length: 5.0")),
    BAD("9110 8.6 quotes", POST("Content-Length: \"5\"")),
    BAD("9110 8.6 empty", POST("Content-Length:")),
    BAD("9110 8.6 other digits", POST("Content-Length: \xd9\xa5")),
    BAD("9112 6.3 2^63", POST("Content-Length: 9223372036854775808")),
    BAD("9112 6.3 2^64 + 5", POST("Content-Length: 18446744073709551621")),
    BAD("9112 6.3 very long", POST("Content-Length: 00000000000000000000000000000000005")),
    TAKEN("9112 6.1 chunked", POST("Transfer-Encoding: chunked"), CHUNKED),
    TAKEN("9112 7 case", POST("transfer-encoding:  ChunKed  "), CHUNKED),
    BAD("9112 6.1 length beside coding", POST("Content-Length: 5\r\nTransfer-Encoding: chunked")),
    BAD("9112 6.1 coding beside length", POST("Transfer-Encoding: chunked\r\nContent-Length: 5")),
    BAD("9112 6.1 length beside another coding", POST("Content-Length: 5\r\nTransfer-Encoding: gzip")),
    BAD("9112 6.1 two fields", POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")),
    BAD("9112 6.1 two fields", POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity")),
    OTHER("9112 6.1 chunked twice", POST("Transfer-Encoding: chunked, chunked"), HEAD_CODING),
    OTHER("9112 6.3 chunked not last", POST("Transfer-Encoding: chunked, identity"), HEAD_CODING),
    OTHER("9112 6.1 gzip first", POST("Transfer-Encoding: gzip, chunked"), HEAD_CODING),
    OTHER("9112 7 identity", POST("Transfer-Encoding: identity"), HEAD_CODING),
    OTHER("9112 7 unknown", POST("Transfer-Encoding: xchunked"), HEAD_CODING),
    OTHER("9112 7 quotes", POST("Transfer-Encoding: \"chunked\""), HEAD_CODING),
    OTHER("9112 7 parameter", POST("Transfer-Encoding: chunked;q=1"), HEAD_CODING),
    OTHER("9112 7 empty", POST("Transfer-Encoding:"), HEAD_CODING),
    OTHER("9112 7 comma", POST("Transfer-Encoding: chunked,"), HEAD_CODING),
    BAD("9110 5.6.3 tab before it", POST("Transfer-Encoding:\tchunked")),
    BAD("9110 5.6.3 tab behind it", POST("Transfer-Encoding: chunked\t")),
    BAD("9110 5.6.3 tab before the length", POST("Content-Length:\t5")),
    BAD("9112 6.1 vertical tab before it", POST("Transfer-Encoding: \x0b"
                                                "chunked")),
    BAD("9112 6.1 HTTP/1.0 with coding", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    TAKEN("9112 6.2 HTTP/1.0 with length", "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", 5),

    /* --- lines --- */
    BAD("9112 2.2 bare LF", "GET / HTTP/1.1\nHost: h\n\n"),
    BAD("9112 2.2 bare LF in the fields", POST("X: a\nContent-Length: 5")),
    BAD("9112 2.2 bare LF at the end", "GET / HTTP/1.1\r\nHost: h\r\n\n"),
    BAD("9112 2.2 bare CR", POST("X: a\rContent-Length: 5")),
    BAD("9112 2.2 CR CR LF", "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"),
    BAD("9112 2.2 CR before the empty line", "GET / HTTP/1.1\r\nHost: h\r\n\r\r\n"),
    BAD("9112 2.2 blank before the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n"),
    TAKEN("9112 2.2 one empty line before", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", NONE),
    BAD("9112 2.2 more of them", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 2.2 LF before", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 5.2 obs-fold", POST("X: a\r\n b")),
    BAD("9112 5.2 obs-fold by tab", POST("Content-Length:\r\n\t5")),
    BAD("9112 5.1 space before the colon", POST("Content-Length : 5")),
    BAD("9112 5.1 tab before the colon", POST("Transfer-Encoding\t: chunked")),
    BAD("9112 5 empty name", POST(": a")),
    BAD("9112 5 no colon", POST("Content-Length")),
    BAD("9110 5.1 blank in the name", POST("X y: a")),
    BAD("9110 5.1 name in obs-text", POST("X\xe9: a")),
    BAD("9110 5.1 delimiter in the name", POST("X(y): a")),
    BAD("9110 5.1 control in the name", POST("Transfer-Encoding\x0b: chunked")),
    TAKEN("9110 5.5 empty value", POST("X:"), NONE),
    TAKEN("9110 5.5 obs-text", POST("X: \xe9\xff"), NONE),
    TAKEN("9110 5.5 tab inside", POST("X: a\tb"), NONE),
    BAD("9110 5.5 control", POST("X: a\x01"
                                 "b")),
    BAD("9110 5.5 DEL", POST("X: a\x7f")),
    BAD("9110 5.5 escape", POST("X: \x1b[2J")),
    BAD_NUL("9110 5.5 NUL", "POST / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"),
    BAD_NUL("9110 5.1 NUL in the name", "POST / HTTP/1.1\r\nHost: h\r\nX\0: a\r\n\r\n"),
    BAD_NUL("9112 3 NUL in the target", "POST /\0 HTTP/1.1\r\nHost: h\r\n\r\n"),

    /* --- the request line --- */
    BAD("9112 3 two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 3 tab", "GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 3 blank at the end", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"),
    BAD("9112 3 blank before", " GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 3 HTTP/0.9", "GET /\r\n\r\n"),
    BAD("9112 3 a space in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 3.1 no token", "G@T / HTTP/1.1\r\nHost: h\r\n\r\n"),
    TAKEN("3987 UTF-8", "GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", NONE),
    BAD("9112 3.2 obs-text", "GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 3.2 control", "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 3.2 fragment", "GET /#f HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 3.2 relative", "GET a HTTP/1.1\r\nHost: h\r\n\r\n"),
    TAKEN("9112 3.2.2 absolute-form", "GET http://h/p HTTP/1.1\r\nHost: H\r\n\r\n", NONE),
    TAKEN("9112 3.2.2 with a port", "GET http://h:8080/p HTTP/1.1\r\nHost: h:8080\r\n\r\n", NONE),
    BAD("9112 3.2 absolute-form against Host", "GET http://h/p HTTP/1.1\r\nHost: other\r\n\r\n"),
    BAD("9112 3.2 absolute-form against an empty Host", "GET http://h/p HTTP/1.1\r\nHost:\r\n\r\n"),
    BAD("9110 4.2.4 user information", "GET http://u@h/p HTTP/1.1\r\nHost: u@h\r\n\r\n"),
    BAD("9112 3.2.2 another scheme", "GET ftp://h/p HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 3.2.2 no authority", "GET http:///p HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 3.2.3 authority-form", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
    TAKEN("9112 3.2.4 asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", NONE),
    BAD("9112 3.2.4 asterisk-form of GET", "GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 3.2.4 more than an asterisk", "OPTIONS *x HTTP/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 2.3 small letters", "GET / http/1.1\r\nHost: h\r\n\r\n"),
    BAD("9112 2.3 two digits", "GET / HTTP/1.10\r\nHost: h\r\n\r\n"),
    BAD("9112 2.3 leading zero", "GET / HTTP/01.1\r\nHost: h\r\n\r\n"),
    OTHER("9112 2.3 HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", HEAD_VERSION),
    OTHER("9112 2.3 HTTP/2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", HEAD_VERSION),
    OTHER("9112 2.3 HTTP/0.9", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", HEAD_VERSION),
    OTHER("9113 3.4 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HEAD_VERSION),
    BAD("8446 TLS to the plain port", "\x16\x03\x01\x02"),

    /* --- Host and Expect --- */
    BAD("9112 3.2 no Host", "GET / HTTP/1.1\r\n\r\n"),
    BAD("9112 3.2 two Hosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"),
    TAKEN("9112 3.2 empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", NONE),
    TAKEN("9112 3.2 IPv6", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", NONE),
    TAKEN("9112 3.2 HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", NONE),
    BAD("9112 3.2 blank in Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    BAD("9112 3.2 path in Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    BAD("9112 3.2 user in Host", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"),
    BAD("9112 3.2 obs-text in Host", "GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n"),
    OTHER("9110 10.1.1 unknown", POST("Expect: magic"), HEAD_EXPECTATION),
    OTHER("9110 10.1.1 twice", POST("Expect: 100-continue\r\nExpect: 100-continue"), HEAD_EXPECTATION),
};

static void test_head(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(head_rows); ++i) {
        const struct head_row *row = head_rows + i;
        size_t len = row->len > 0 ? row->len : strlen(row->bytes);
        const char *why = NULL;
        struct head h;
        ssize_t n = head_parse(row->bytes, len, &h, &why);
        if (row->error != 0 ? n != row->error || why == NULL : n != (ssize_t)len)
            fail_msg("%s: %zd (%s)", row->clause, n, why == NULL ? "" : why);
        if (row->error == 0 && row->framing != (h.chunked ? CHUNKED : h.content_length))
            fail_msg("%s: framing %lld", row->clause, (long long)h.content_length);
    }
}

/* A verdict does not wait for the end of the head, and never changes with what follows. */
static void test_verdicts_are_final(void **state)
{
    char text[1024];
    (void)state;
    for (size_t i = 0; i < LEN(head_rows); ++i) {
        const struct head_row *row = head_rows + i;
        size_t len = row->len > 0 ? row->len : strlen(row->bytes);
        const char *why = NULL;
        struct head h;
        memcpy(text, row->bytes, len);
        memset(text + len, '\n', 8);
        ssize_t whole = head_parse(text, len, &h, &why);
        assert_int_equal(head_parse(text, len + 8, &h, &why), whole);
        for (size_t cut = 0; cut < len; ++cut) {
            ssize_t n = head_parse(text, cut, &h, &why);
            assert_true(n == 0 || n == whole);
        }
    }
}

static void test_connection(void **state)
{
    static const struct {
        const char *text;
        bool keep;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive, CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); ++i) {
        const char *why = NULL;
        struct head h;
        assert_true(head_parse(rows[i].text, strlen(rows[i].text), &h, &why) > 0);
        if (h.keep_alive != rows[i].keep)
            fail_msg("row %zu", i);
    }
}

struct chunk_row {
    const char *clause, *bytes;
    size_t len;
    enum chunked_result result;
    const char *payload; /* of a body that is taken whole */
};

#define ENDS(clause, b, p)                                                                                             \
    {                                                                                                                  \
        clause, b, sizeof(b) - 1, CHUNKED_END, p                                                                       \
    }
#define BREAKS(clause, b)                                                                                              \
    {                                                                                                                  \
        clause, b, sizeof(b) - 1, CHUNKED_BAD, NULL                                                                    \
    }
#define WAITS(clause, b)                                                                                               \
    {                                                                                                                  \
        clause, b, sizeof(b) - 1, CHUNKED_MORE, NULL                                                                   \
    }

static const struct chunk_row chunk_rows[] = {
    ENDS("9112 7.1 body", "5\r\nhello\r\n0\r\n\r\n", "hello"),
    ENDS("9112 7.1 empty body", "0\r\n\r\n", ""),
    ENDS("9112 7.1 either case", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
    ENDS("9112 7.1 leading zeros", "00005\r\nhello\r\n000\r\n\r\n", "hello"),
    ENDS("9112 7.1 data like framing", "7\r\n0\r\n\r\n0\r\r\n0\r\n\r\n", "0\r\n\r\n0\r"),
    BREAKS("9112 7.1 sign", "+5\r\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1 sign", "-5\r\n"),
    BREAKS("9112 7.1 blank before", " 5\r\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1 prefix", "0x5\r\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1 no digit", "\r\n"),
    BREAKS("9112 7.1 no hex digit", "g\r\n"),
    BREAKS("9112 7.1 two sizes", "5 5\r\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1 size, comma", "5,5\r\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1 overflow", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1 overflow", "ffffffffffffffff\r\n"),
    BREAKS("9112 7.1 very long size", "00000000000000000000000000000005\r\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1 more than proxies take", "10000000000000\r\nx"),
    WAITS("9112 7.1 the largest size", "fffffffffffff\r\nx"),
    BREAKS("9112 2.2 bare LF after the size", "5\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 2.2 bare CR after the size", "5\rhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1 data too long", "5\r\nhello!\r\n0\r\n\r\n"),
    BREAKS("9112 7.1 bare LF after the data", "5\r\nhello\n0\r\n\r\n"),
    BREAKS("9112 7.1 CR CR LF after the data", "5\r\nhello\r\r\n0\r\n\r\n"),
    BREAKS("9112 7.1 data too short", "6\r\nhello\r\n0\r\n\r\n"),
    ENDS("9112 7.1.1 extension", "5;a=b;c=\"d;e\"\r\nhello\r\n0;last\r\n\r\n", "hello"),
    ENDS("9112 7.1.1 blanks before the ;", "5 \t;a\r\nhello\r\n0\r\n\r\n", "hello"),
    ENDS("9112 7.1.1 blanks alone", "5  \r\nhello\r\n0\r\n\r\n", "hello"),
    BREAKS("9112 7.1.1 extension without ;", "5 a=b\r\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1.1 control", "5;a\x01\r\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1.1 NUL", "5;a\0\r\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1.1 bare LF", "5;a\nhello\r\n0\r\n\r\n"),
    BREAKS("9112 7.1.1 bare CR", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ENDS("9112 7.1.2 trailers", "0\r\nX: y\r\nEmpty:\r\n\r\n", ""),
    ENDS("9112 7.1.2 no framing by trailers", "0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", ""),
    BREAKS("9112 7.1.2 no colon", "0\r\nX\r\n\r\n"),
    BREAKS("9112 7.1.2 empty name", "0\r\n: y\r\n\r\n"),
    BREAKS("9112 5.1 space before the colon", "0\r\nX : y\r\n\r\n"),
    BREAKS("9112 5.2 folded trailer", "0\r\nX: y\r\n z\r\n\r\n"),
    BREAKS("9112 7.1.2 the next request as a trailer", "0\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    BREAKS("9112 2.2 bare LF at the end", "0\r\n\n"),
    BREAKS("9112 2.2 bare LF in trailers", "0\r\nX: y\n\r\n"),
    BREAKS("9112 2.2 CR CR LF at the end", "0\r\n\r\r\n"),
    WAITS("9112 8 cut in the data", "5\r\nhel"),
    WAITS("9112 8 cut before the end", "5\r\nhello\r\n0\r\n"),
};

static void check_chunks(const struct chunk_row *row, size_t piece)
{
    struct chunked c;
    char got[128];
    size_t used = 0, len = 0, payload_len;
    const char *payload;
    enum chunked_result r = CHUNKED_MORE;

    chunked_init(&c);
    while (used < row->len && r == CHUNKED_MORE) {
        const char *at = row->bytes + used;
        size_t left = row->len - used < piece ? row->len - used : piece;
        while ((r = chunked_next(&c, &at, &left, &payload, &payload_len)) == CHUNKED_PAYLOAD) {
            assert_true(len + payload_len < sizeof(got));
            memcpy(got + len, payload, payload_len);
            len += payload_len;
        }
        used = (size_t)(at - row->bytes);
    }
    if (r != row->result || (r == CHUNKED_END && used != row->len))
        fail_msg("%s: %d after %zu bytes", row->clause, (int)r, used);
    if (row->payload != NULL)
        assert_true(len == strlen(row->payload) && memcmp(got, row->payload, len) == 0);
}

static void test_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(chunk_rows); ++i)
        for (size_t piece = 1; piece <= 64; piece *= 4)
            check_chunks(chunk_rows + i, piece);
}

/* What follows the end is the next request's, whatever it is. */
static void test_end_of_body(void **state)
{
    static const char bytes[] = "1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n";
    const char *at = bytes, *payload;
    size_t left = sizeof(bytes) - 1, payload_len;
    struct chunked c;
    (void)state;
    chunked_init(&c);
    assert_int_equal(chunked_next(&c, &at, &left, &payload, &payload_len), CHUNKED_PAYLOAD);
    assert_int_equal(chunked_next(&c, &at, &left, &payload, &payload_len), CHUNKED_END);
    assert_memory_equal(at, "GET", 3);
    assert_int_equal(chunked_next(&c, &at, &left, &payload, &payload_len), CHUNKED_END);
    assert_int_equal(left, strlen("GET / HTTP/1.1\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),   cmocka_unit_test(test_verdicts_are_final), cmocka_unit_test(test_connection),
        cmocka_unit_test(test_chunks), cmocka_unit_test(test_end_of_body),
    };
    return cmocka_run_group_tests_name("strict", tests, NULL, NULL);
}
