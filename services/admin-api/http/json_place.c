/* A JSON text read for its first mistake alone; see json_place.h. Makes no values: reading them is jansson's. */
#include "services/admin-api/http/json_place.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistr.h>

#define DEPTH_MOST 2000
#define DIGITS     "0123456789"

#define WANT_VALUE "Expecting value"
#define WANT_NAME  "Expecting property name enclosed in double quotes"
#define WANT_COLON "Expecting ':' delimiter"
#define WANT_COMMA "Expecting ',' delimiter"
#define UNENDED    "Unterminated string starting at"
#define CONTROL    "Invalid control character at"
#define ESCAPE     "Invalid \\escape"
#define UNICODE    "Invalid \\uXXXX escape"

struct reader {
    const char *at, *end;
    const char *what, *where; /* what: NULL while all is well */
    int depth;
};

static bool fail(struct reader *r, const char *what, const char *where)
{
    r->what = what;
    r->where = where;
    return false;
}

static bool next_is(const struct reader *r, char c)
{
    return r->at < r->end && *r->at == c;
}

static void skip_spaces(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        ++r->at;
}

static size_t digits_at(const char *at, const char *end)
{
    size_t n = 0;
    while (at + n < end && at[n] >= '0' && at[n] <= '9')
        ++n;
    return n;
}

/* Behind the backslash. */
static bool read_escape(struct reader *r, const char *begin)
{
    if (r->at == r->end)
        return fail(r, UNENDED, begin);
    char c = *r->at;
    if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL)
        return fail(r, ESCAPE, r->at - 1);
    const char *letter = r->at++;
    if (c != 'u')
        return true;
    for (int i = 0; i < 4; ++i, ++r->at)
        if (r->at == r->end || *r->at == '\0' || strchr(DIGITS "abcdefABCDEF", *r->at) == NULL)
            return fail(r, UNICODE, letter);
    return r->at < r->end || fail(r, UNICODE, letter);
}

static bool read_string(struct reader *r)
{
    const char *begin = r->at++;

    while (r->at < r->end && *r->at != '"') {
        if ((unsigned char)*r->at < 0x20)
            return fail(r, CONTROL, r->at);
        if (*r->at++ == '\\' && !read_escape(r, begin))
            return false;
    }
    if (r->at == r->end)
        return fail(r, UNENDED, begin);
    ++r->at;
    return true;
}

static bool read_number(struct reader *r)
{
    const char *at = r->at + next_is(r, '-');
    size_t n = digits_at(at, r->end);

    if (n == 0)
        return fail(r, WANT_VALUE, r->at);
    at += *at == '0' ? 1 : n;
    if (at < r->end && *at == '.' && (n = digits_at(at + 1, r->end)) > 0)
        at += 1 + n;
    if (at < r->end && (*at == 'e' || *at == 'E')) {
        const char *sign = at + 1;
        sign += sign < r->end && (*sign == '+' || *sign == '-');
        n = digits_at(sign, r->end);
        at = n > 0 ? sign + n : at;
    }
    r->at = at;
    return true;
}

static bool read_word(struct reader *r)
{
    static const char *const words[] = {"null", "true", "false", "NaN", "Infinity", "-Infinity"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); ++i) {
        size_t n = strlen(words[i]);
        if ((size_t)(r->end - r->at) >= n && memcmp(r->at, words[i], n) == 0) {
            r->at += n;
            return true;
        }
    }
    return read_number(r);
}

static bool read_value(struct reader *r);

static bool read_member(struct reader *r)
{
    if (!next_is(r, '"'))
        return fail(r, WANT_NAME, r->at);
    if (!read_string(r))
        return false;
    skip_spaces(r);
    if (!next_is(r, ':'))
        return fail(r, WANT_COLON, r->at);
    ++r->at;
    skip_spaces(r);
    return read_value(r);
}

/* An object or a list, from its bracket to behind the other one. */
static bool read_many(struct reader *r, char last, bool (*read_one)(struct reader *))
{
    bool good;

    ++r->at;
    skip_spaces(r);
    if (next_is(r, last)) {
        ++r->at;
        return true;
    }
    while ((good = read_one(r))) {
        skip_spaces(r);
        if (next_is(r, last))
            break;
        if (!next_is(r, ','))
            return fail(r, WANT_COMMA, r->at);
        ++r->at;
        skip_spaces(r);
    }
    r->at += good;
    return good;
}

static bool read_value(struct reader *r)
{
    bool good;

    if (r->at == r->end)
        return fail(r, WANT_VALUE, r->at);
    if (++r->depth > DEPTH_MOST)
        return fail(r, NULL, NULL);
    if (*r->at == '"')
        good = read_string(r);
    else if (*r->at == '{')
        good = read_many(r, '}', read_member);
    else if (*r->at == '[')
        good = read_many(r, ']', read_value);
    else
        good = read_word(r);
    --r->depth;
    return good;
}

static void count_characters(const char *text, const char *where, struct json_place *out)
{
    for (const char *at = text; at < where; ++at) {
        bool begins = ((unsigned char)*at & 0xc0) != 0x80;
        out->place += begins;
        out->column += begins;
        if (*at == '\n') {
            ++out->line;
            out->column = 1;
        }
    }
}

int json_place(const char *text, size_t len, struct json_place *out)
{
    struct reader r = {.at = text, .end = text + len};

    if (u8_check((const uint8_t *)text, len) != NULL)
        return 0;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        fail(&r, "Unexpected UTF-8 BOM", text);
    skip_spaces(&r);
    bool good = r.what == NULL && read_value(&r);
    skip_spaces(&r);
    if (good && r.at < r.end)
        fail(&r, "Extra data", r.at);
    if (r.what == NULL)
        return 0;
    *out = (struct json_place){.what = r.what, .line = 1, .column = 1};
    count_characters(text, r.where, out);
    return 1;
}
