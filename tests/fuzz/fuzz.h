/* What the fuzz targets share: a check that stays in every build, numbers drawn from the input itself, and bytes handed
 * over in memory of their own size, so that a sanitizer sees a read beyond them. */
#ifndef LC_TESTS_FUZZ_H
#define LC_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* FNV-1a, then xorshift: the same input always draws the same numbers. */
struct dice {
    uint64_t state;
};

static inline struct dice dice_of(const void *data, size_t size)
{
    struct dice d = {14695981039346656037u};
    for (size_t i = 0; i < size; ++i)
        d.state = (d.state ^ ((const uint8_t *)data)[i]) * 1099511628211u;
    d.state |= 1;
    return d;
}

/* 0 to below - 1. */
static inline size_t dice_roll(struct dice *d, size_t below)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return (size_t)(d->state >> 11) % below;
}

/* Freed by the caller. */
static inline char *exact(const void *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    HOLDS(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

static inline char *exact_text(const void *data, size_t size)
{
    char *copy = malloc(size + 1);
    HOLDS(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

/* How an input is cut into pieces: whole, byte by byte, or at random places. */
enum cutting { CUT_WHOLE, CUT_BYTES, CUT_FEW, CUT_MANY, CUTTINGS };

static inline size_t cut_next(enum cutting how, struct dice *d, size_t left)
{
    size_t most = how == CUT_FEW ? left : how == CUT_MANY ? 16 : 1;
    size_t piece = how == CUT_WHOLE ? left : 1 + dice_roll(d, most);
    return piece < left ? piece : left;
}

/* What a decoder gave out, as bytes to compare. */
struct record {
    char *bytes;
    size_t len, room;
};

static inline void record_put(struct record *r, const void *data, size_t len)
{
    if (r->len + len > r->room) {
        r->room = 2 * (r->len + len);
        r->bytes = realloc(r->bytes, r->room);
        HOLDS(r->bytes != NULL);
    }
    if (len > 0)
        memcpy(r->bytes + r->len, data, len);
    r->len += len;
}

static inline bool record_equal(const struct record *a, const struct record *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

/* Takes what stands before the first line feed off the front; the whole rest when there is none. */
static inline char *take_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size == 0 ? NULL : memchr(*data, '\n', *size);
    size_t len = end == NULL ? *size : (size_t)(end - *data);
    char *line = exact_text(*data, len);
    *data += len + (end != NULL);
    *size -= len + (end != NULL);
    return line;
}

#endif
