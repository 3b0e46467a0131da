/* The format table of msgpack, and nothing about what records mean. */
#include "proto/reader.h"

#include <assert.h>

/* Formats 0xc0..0xdf in order: the kind, how many bytes of number follow the first, and what that number is. */
static const struct format {
    enum reader_kind kind;
    unsigned char number; /* bytes of big-endian number */
    bool is_value;        /* the number is the value; otherwise a count */
    unsigned char fixed;  /* added to the count: payload without a length, or the type byte of ext */
} formats[] = {
    {READER_OTHER, 0, false, 0},  /* nil */
    {READER_OTHER, 0, false, 0},  /* c1: never used, refused before */
    {READER_OTHER, 0, false, 0},  /* false */
    {READER_OTHER, 0, false, 0},  /* true */
    {READER_BYTES, 1, false, 0},  /* bin 8 */
    {READER_BYTES, 2, false, 0},  /* bin 16 */
    {READER_BYTES, 4, false, 0},  /* bin 32 */
    {READER_OTHER, 1, false, 1},  /* ext 8 */
    {READER_OTHER, 2, false, 1},  /* ext 16 */
    {READER_OTHER, 4, false, 1},  /* ext 32 */
    {READER_OTHER, 0, false, 4},  /* float 32 */
    {READER_OTHER, 0, false, 8},  /* float 64 */
    {READER_UINT, 1, true, 0},    /* uint 8 */
    {READER_UINT, 2, true, 0},    /* uint 16 */
    {READER_UINT, 4, true, 0},    /* uint 32 */
    {READER_UINT, 8, true, 0},    /* uint 64 */
    {READER_INT, 1, true, 0},     /* int 8 */
    {READER_INT, 2, true, 0},     /* int 16 */
    {READER_INT, 4, true, 0},     /* int 32 */
    {READER_INT, 8, true, 0},     /* int 64 */
    {READER_OTHER, 0, false, 2},  /* fixext 1 */
    {READER_OTHER, 0, false, 3},  /* fixext 2 */
    {READER_OTHER, 0, false, 5},  /* fixext 4 */
    {READER_OTHER, 0, false, 9},  /* fixext 8 */
    {READER_OTHER, 0, false, 17}, /* fixext 16 */
    {READER_STRING, 1, false, 0}, /* str 8 */
    {READER_STRING, 2, false, 0}, /* str 16 */
    {READER_STRING, 4, false, 0}, /* str 32 */
    {READER_ARRAY, 2, false, 0},  /* array 16 */
    {READER_ARRAY, 4, false, 0},  /* array 32 */
    {READER_MAP, 2, false, 0},    /* map 16 */
    {READER_MAP, 4, false, 0},    /* map 32 */
};

static void set_head(struct reader_head *head, enum reader_kind kind, uint64_t count, uint64_t value)
{
    *head = (struct reader_head){.kind = kind, .count = count, .value = value};
}

static bool read_number(struct reader *r, size_t bytes, uint64_t *number)
{
    const unsigned char *data = reader_take(r, bytes);

    *number = 0;
    for (size_t i = 0; data && i < bytes; i++)
        *number = *number << 8 | data[i];
    return data != NULL;
}

/* Extends the sign of a number of that many bytes; one that is not negative is a plain UINT. */
static void set_signed(struct reader_head *head, uint64_t number, size_t bytes)
{
    assert(bytes >= 1 && bytes <= 8);
    unsigned shift = 64 - 8 * (unsigned)bytes;
    uint64_t extended = (uint64_t)((int64_t)(number << shift) >> shift);

    set_head(head, extended >> 63 ? READER_INT : READER_UINT, 0, extended);
}

static bool read_long_form(struct reader *r, unsigned char first, struct reader_head *head)
{
    const struct format *format = &formats[first - 0xc0];
    uint64_t number;

    if (first == 0xc1 || !read_number(r, format->number, &number))
        return false;
    if (format->kind == READER_INT)
        set_signed(head, number, format->number);
    else if (format->is_value)
        set_head(head, format->kind, 0, number);
    else
        set_head(head, format->kind, number + format->fixed, 0);
    return true;
}

bool reader_head(struct reader *r, struct reader_head *head)
{
    const unsigned char *data = reader_take(r, 1);

    if (!data)
        return false;
    if (*data < 0x80)
        set_head(head, READER_UINT, 0, *data);
    else if (*data < 0x90)
        set_head(head, READER_MAP, *data & 0x0f, 0);
    else if (*data < 0xa0)
        set_head(head, READER_ARRAY, *data & 0x0f, 0);
    else if (*data < 0xc0)
        set_head(head, READER_STRING, *data & 0x1f, 0);
    else if (*data >= 0xe0)
        set_signed(head, *data, 1);
    else
        return read_long_form(r, *data, head);
    return true;
}

const void *reader_take(struct reader *r, uint64_t count)
{
    const void *taken = r->data;

    if (count > r->left)
        return NULL;
    r->data += count;
    r->left -= (size_t)count;
    return taken;
}

bool reader_skip(struct reader *r, const struct reader_head *head)
{
    struct reader_head next = *head;
    uint64_t pending = 0; /* values still to pass; each takes a byte at least, so `left` bounds it */

    for (;;) {
        if (next.kind == READER_ARRAY)
            pending += next.count;
        else if (next.kind == READER_MAP)
            pending += 2 * next.count;
        else if (!reader_take(r, next.count))
            return false;
        if (pending > r->left)
            return false;
        if (pending == 0)
            return true;
        pending--;
        if (!reader_head(r, &next))
            return false;
    }
}
