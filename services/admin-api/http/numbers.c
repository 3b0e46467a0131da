/* Quotes around numbers that do not fit; see numbers.h. Knows of JSON only where strings and numbers end. */
#include "services/admin-api/http/numbers.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *behind_string(const char *at, const char *end)
{
    for (++at; at < end && *at != '"'; ++at)
        at += *at == '\\' && at + 1 < end;
    return at < end ? at + 1 : end;
}

static const char *behind_number(const char *at, const char *end)
{
    while (at < end && *at != '\0' && strchr("+-.0123456789eE", *at) != NULL)
        ++at;
    return at;
}

static bool is_key(const char *at, const char *end)
{
    while (at < end && *at != '\0' && strchr(" \t\r\n", *at) != NULL)
        ++at;
    return at < end && *at == ':';
}

/* What begins with a digit or a minus; 1, 0 or -ENOMEM. */
static int is_beyond(const char *at, size_t len)
{
    char small[64], *text = len < sizeof(small) ? small : malloc(len + 1);
    if (text == NULL)
        return -ENOMEM;
    memcpy(text, at, len);
    text[len] = '\0';
    errno = 0;
    bool is_whole = strpbrk(text, ".eE") == NULL;
    long long whole = is_whole ? strtoll(text, NULL, 10) : 0;
    bool beyond =
        is_whole ? (whole == LLONG_MAX || whole == LLONG_MIN) && errno == ERANGE : isinf(strtod(text, NULL)) != 0;
    if (text != small)
        free(text);
    return beyond;
}

char *numbers_quoted(const char *text, size_t len, size_t *out_len)
{
    const char *at = text, *end = text + len, *next;
    char *out = malloc(2 * len + 1); /* a quoted number has at least five characters */
    size_t n = 0;

    for (; out != NULL && at < end; at = next) {
        bool is_number = *at == '-' || (*at >= '0' && *at <= '9');
        next = *at == '"' ? behind_string(at, end) : is_number ? behind_number(at, end) : at + 1;
        int quote = is_number && !is_key(next, end) ? is_beyond(at, (size_t)(next - at)) : 0;
        if (quote < 0) {
            free(out);
            return NULL;
        }
        if (quote == 1)
            out[n++] = '"';
        memcpy(out + n, at, (size_t)(next - at));
        n += (size_t)(next - at);
        if (quote == 1)
            out[n++] = '"';
    }
    *out_len = n;
    return out;
}
