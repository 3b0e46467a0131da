/*
 * A strict HTTP/1.x request head (RFC 9112). What two parsers could read in two ways is refused: bare LF, obs-fold,
 * space before a colon, two Content-Lengths, Content-Length with Transfer-Encoding, any coding but chunked, a Host that
 * is none or contradicts the target.
 * Pure functions on caller's memory: no allocation, no I/O; any thread.
 */
#ifndef LC_SHARED_HTTP_HEAD_H
#define LC_SHARED_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HEAD_MAX_FIELDS 64
#define HEAD_MAX_BYTES  16384

struct span {
    const char *data;
    size_t len;
};

struct head_field {
    struct span name, value; /* value without the surrounding OWS */
};

struct head {
    struct span method, target; /* as sent; target is origin-form or "*" */
    struct span path, query; /* of the target: raw (still percent-encoded), query without '?'; query.data NULL: none */
    int minor_version;       /* HTTP/1.<n> */
    bool keep_alive;         /* by version and Connection */
    bool chunked;
    bool expect_continue;   /* HTTP/1.1 only; any other expectation is HEAD_EXPECTATION */
    int64_t content_length; /* -1: none */
    size_t field_count;
    struct head_field fields[HEAD_MAX_FIELDS];
};

enum head_error {                        /* as negative results of head_parse */
                  HEAD_BAD = -1,         /* 400: `why` says what */
                  HEAD_TOO_LARGE = -2,   /* 431: over HEAD_MAX_BYTES or HEAD_MAX_FIELDS */
                  HEAD_VERSION = -3,     /* 505: not HTTP/1.0 or HTTP/1.1 (the HTTP/2 preface too: RFC 9113 3.4) */
                  HEAD_EXPECTATION = -4, /* 417 (RFC 9110 10.1.1) */
                  HEAD_CODING = -5       /* 501: a transfer coding other than chunked (RFC 9112 6.1) */
};

/* Length of the complete head including its empty line, 0 while incomplete, or a negative head_error with a short
 * static English reason in `*why`. Garbage is refused as soon as it is certain, not at the end of the head. At most
 * one empty line (CRLF) before the request line is skipped (RFC 9112 2.2). An HTTP/1.1 request without exactly one
 * Host is HEAD_BAD. Spans in `head` point into `data`. */
ssize_t head_parse(const char *data, size_t len, struct head *head, const char **why)
    __attribute__((warn_unused_result));

/* The value of the only field of that (lowercase) name; NULL if it is absent. With several equal-named fields: the
 * first, and `*count` (may be NULL) tells how many there were. */
const struct span *head_find(const struct head *head, const char *lowercase_name, size_t *count);

#define SPAN_NUMBER_MAX INT64_C(999999999999999999) /* 18 digits: sums of a few fit into 63 bits */

bool span_equals(struct span s, const char *text);        /* exact */
bool span_equals_nocase(struct span s, const char *text); /* ASCII only */
bool span_number(struct span s, int64_t *out);            /* decimal digits alone; above SPAN_NUMBER_MAX: that */
bool span_starts_with(struct span s, const char *prefix); /* exact */
bool span_is_token(struct span s);                        /* RFC 9110 5.6.2; never empty */

#endif
