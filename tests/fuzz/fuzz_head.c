/*
 * The request head. Whatever is read of it in pieces must agree with the whole: a verdict on a beginning is final, and
 * every beginning of a good head is incomplete. What is taken is checked against the rules it was taken by.
 */
#include "shared/http/head.h"
#include "tests/fuzz/fuzz.h"

static ssize_t parse(const uint8_t *data, size_t len, struct head *head)
{
    const char *why = NULL;
    char *copy = exact(data, len);
    ssize_t n = head_parse(copy, len, head, &why);
    HOLDS(n >= 0 || (why != NULL && why[0] != '\0'));
    HOLDS(n <= (ssize_t)len && n >= HEAD_CODING);
    free(copy);
    return n;
}

/* One parse of the bytes themselves, for the spans to be looked at. */
static ssize_t look(const uint8_t *data, size_t len, struct head *head)
{
    const char *why = NULL;
    return head_parse((const char *)data, len, head, &why);
}

static void check_fields(const struct head *h)
{
    size_t lengths, codings, hosts;
    head_find(h, "content-length", &lengths);
    head_find(h, "transfer-encoding", &codings);
    head_find(h, "host", &hosts);
    HOLDS(lengths + codings <= 1 && hosts <= 1 && (hosts == 1 || h->minor_version == 0));
    HOLDS(h->chunked == (codings == 1) && (h->content_length >= 0) == (lengths == 1));
    HOLDS(!h->chunked || h->minor_version == 1);
    for (size_t i = 0; i < h->field_count; ++i) {
        const struct head_field *f = h->fields + i;
        HOLDS(f->name.len > 0);
        for (size_t k = 0; k < f->name.len; ++k)
            HOLDS((unsigned char)f->name.data[k] > 0x20 && (unsigned char)f->name.data[k] < 0x7f &&
                  f->name.data[k] != ':');
        for (size_t k = 0; k < f->value.len; ++k)
            HOLDS((unsigned char)f->value.data[k] >= 0x20 ? f->value.data[k] != 0x7f : f->value.data[k] == '\t');
        HOLDS(f->value.len == 0 || (f->value.data[0] != ' ' && f->value.data[f->value.len - 1] != ' '));
    }
}

static void check(const struct head *h)
{
    HOLDS(h->minor_version == 0 || h->minor_version == 1);
    HOLDS(h->path.len > 0 && (h->path.data[0] == '/' || span_equals(h->path, "*")));
    HOLDS(memchr(h->path.data, '?', h->path.len) == NULL && h->field_count <= HEAD_MAX_FIELDS);
    HOLDS(h->path.data >= h->target.data && h->path.data + h->path.len <= h->target.data + h->target.len);
    for (size_t i = 0; i < h->target.len; ++i)
        HOLDS((unsigned char)h->target.data[i] > 0x20 && (unsigned char)h->target.data[i] < 0x7f);
    check_fields(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct head whole, part;
    struct dice d = dice_of(data, size);
    ssize_t n = parse(data, size, &whole);

    for (int i = 0; i < 8 && size > 0; ++i) {
        size_t cut = i == 0 && n > 0 ? (size_t)n : dice_roll(&d, size);
        ssize_t m = parse(data, cut, &part);
        HOLDS(m == 0 || m == n);
        HOLDS(n <= 0 || (m == 0) == (cut < (size_t)n));
    }
    if (n > 0 && look(data, (size_t)n, &whole) == n)
        check(&whole);
    return 0;
}
