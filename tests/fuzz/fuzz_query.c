/* Query strings and percent-escapes: what is taken is UTF-8 text without NUL, and taken whole. */
#include <errno.h>
#include <unistr.h>

#include "shared/http/query.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *text, size_t len)
{
    HOLDS(strlen(text) == len && u8_check((const uint8_t *)text, len) == NULL);
}

static void check_pairs(const struct query *q)
{
    for (size_t i = 0; i < query_count(q); ++i) {
        const struct query_pair *p = query_at(q, i);
        check_text(p->key, p->key_len);
        check_text(p->value, p->value_len);
        HOLDS(query_get(q, p->key) != NULL);
    }
    HOLDS(query_at(q, query_count(q)) == NULL);
}

static void decode(const char *raw, size_t size, bool plus, size_t room)
{
    char *out = malloc(room + 1);
    HOLDS(out != NULL);
    ssize_t n = query_decode((struct span){raw, size}, plus, out, room);
    HOLDS(n == -EINVAL || n == -ENAMETOOLONG || (n >= 0 && (size_t)n < room && strlen(out) == (size_t)n));
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *raw = exact(data, size);
    struct query *q = NULL;
    const char *why = NULL;
    int err = query_parse((struct span){raw, size}, &q, &why);

    HOLDS(err == 0 || ((err == -EINVAL || err == -E2BIG) && why != NULL));
    if (err == 0)
        check_pairs(q);
    query_free(q);
    decode(raw, size, true, size + 1);
    decode(raw, size, false, 16);
    decode(raw, size, false, 0);
    free(raw);
    return 0;
}
