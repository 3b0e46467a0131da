/* Percent-decoding and query strings; see query.h. */
#include "shared/http/query.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#define MAX_PAIRS 500

struct query {
    size_t count;
    char *text; /* all keys and values, each with its NUL */
    struct query_pair pairs[];
};

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

ssize_t query_decode(struct span raw, bool plus, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < raw.len; ++i) {
        char c = raw.data[i];
        if (c == '%') {
            int high = i + 2 < raw.len ? hex_of(raw.data[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_of(raw.data[i + 2]);
            if (low < 0)
                return -EINVAL;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return -EINVAL;
        if (n + 1 >= size)
            return -ENAMETOOLONG;
        out[n++] = c;
    }
    if (size == 0)
        return -ENAMETOOLONG;
    out[n] = '\0';
    return (ssize_t)n;
}

static size_t count_pairs(struct span raw)
{
    size_t n = 1;
    for (size_t i = 0; i < raw.len; ++i)
        n += raw.data[i] == '&';
    return n;
}

/* Decodes one half of a pair to *at, which moves on. */
static int take(struct span raw, char **at, const char **out, size_t *out_len, const char **why)
{
    ssize_t n = query_decode(raw, true, *at, raw.len + 1);
    *why = "a percent escape is broken or stands for NUL";
    if (n < 0)
        return (int)n;
    *why = "the query is not UTF-8";
    if (u8_check((const uint8_t *)*at, (size_t)n) != NULL)
        return -EINVAL;
    *out = *at;
    *out_len = (size_t)n;
    *at += n + 1;
    return 0;
}

static int take_pair(struct span raw, char **at, struct query_pair *pair, const char **why)
{
    const char *equals = memchr(raw.data, '=', raw.len);
    struct span key = {raw.data, equals == NULL ? raw.len : (size_t)(equals - raw.data)};
    struct span value = {equals == NULL ? raw.data : equals + 1, equals == NULL ? 0 : raw.len - key.len - 1};
    int err = take(key, at, &pair->key, &pair->key_len, why);
    return err < 0 ? err : take(value, at, &pair->value, &pair->value_len, why);
}

int query_parse(struct span raw, struct query **out, const char **why)
{
    size_t most = count_pairs(raw);
    int err = 0;

    *why = "there are too many parameters";
    if (most > MAX_PAIRS)
        return -E2BIG;
    struct query *q = calloc(1, sizeof(*q) + most * sizeof(q->pairs[0]));
    if (q == NULL || (q->text = malloc(raw.len + 2 * most)) == NULL) {
        free(q);
        *why = "out of memory";
        return -ENOMEM;
    }
    char *at = q->text;
    const char *p = raw.data, *end = raw.data == NULL ? NULL : raw.data + raw.len;
    while (p < end && err == 0) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        const char *stop = amp == NULL ? end : amp;
        if (stop > p && (err = take_pair((struct span){p, (size_t)(stop - p)}, &at, q->pairs + q->count, why)) == 0)
            ++q->count;
        p = stop + 1;
    }
    if (err < 0) {
        query_free(q);
        return err;
    }
    *out = q;
    return 0;
}

void query_free(struct query *q)
{
    if (q == NULL)
        return;
    free(q->text);
    free(q);
}

size_t query_count(const struct query *q)
{
    return q->count;
}

const struct query_pair *query_at(const struct query *q, size_t index)
{
    return index < q->count ? &q->pairs[index] : NULL;
}

const char *query_get(const struct query *q, const char *key)
{
    for (size_t i = q->count; i-- > 0;)
        if (strcmp(q->pairs[i].key, key) == 0)
            return q->pairs[i].value;
    return NULL;
}
