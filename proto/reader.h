/*
 * Reads msgpack (the specification's format table) from bounded memory: no allocation, no recursion, any thread.
 * msgpack-c's own unpacker allocates what a length claims before it has seen the bytes. Internal to proto.
 */
#ifndef LC_PROTO_READER_H
#define LC_PROTO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
    const unsigned char *data;
    size_t left;
};

enum reader_kind { READER_UINT, READER_INT, READER_STRING, READER_BYTES, READER_ARRAY, READER_MAP, READER_OTHER };

/* The head of one value: what follows are `count` bytes (STRING, BYTES, OTHER), values (ARRAY) or pairs (MAP). */
struct reader_head {
    enum reader_kind kind;
    uint64_t count;
    uint64_t value; /* UINT; INT: the two's complement of a negative number */
};

/* False: truncated, or a byte the format does not have. */
bool reader_head(struct reader *r, struct reader_head *head) __attribute__((warn_unused_result));
/* The bytes after a head; NULL if fewer are left. */
const void *reader_take(struct reader *r, uint64_t count) __attribute__((warn_unused_result));
/* What follows a head, however deep. */
bool reader_skip(struct reader *r, const struct reader_head *head) __attribute__((warn_unused_result));

#endif
