/*
 * Chunked transfer coding (RFC 9112 7.1), strict and incremental: feed bytes as they come, get payload spans back.
 * Chunk extensions are skipped (bounded), trailer fields are skipped (bounded); bare LF and `+5`, `0x5`, ` 5` refused.
 */
#ifndef LC_SHARED_HTTP_CHUNKED_H
#define LC_SHARED_HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

enum chunked_result { CHUNKED_MORE, CHUNKED_PAYLOAD, CHUNKED_END, CHUNKED_BAD };

struct chunked {
    int state;
    unsigned digits;  /* of the size line seen so far: at most 13 */
    unsigned line;    /* bytes of the current extension or trailer line */
    unsigned trailer; /* bytes of trailers in all */
    uint64_t left;    /* of the current chunk */
};

void chunked_init(struct chunked *c);

/* Takes from [*data, *data + *len), advancing both. PAYLOAD: `*payload`/`*payload_len` is a span of the input.
 * MORE: everything taken. END: the body is over, what is left belongs to the next request. BAD: refuse with 400 and
 * close. Call again until MORE, END or BAD. */
enum chunked_result chunked_next(struct chunked *c, const char **data, size_t *len, const char **payload,
                                 size_t *payload_len) __attribute__((warn_unused_result));

#endif
