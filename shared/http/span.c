/* Comparing and judging spans of a head. ASCII only: HTTP's own words are. */
#include <string.h>

#include "shared/http/head.h"

bool span_equals(struct span s, const char *text)
{
    size_t len = strlen(text);
    return s.len == len && memcmp(s.data, text, len) == 0;
}

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

bool span_equals_nocase(struct span s, const char *text)
{
    if (s.len != strlen(text))
        return false;
    for (size_t i = 0; i < s.len; ++i)
        if (lower((unsigned char)s.data[i]) != lower((unsigned char)text[i]))
            return false;
    return true;
}

bool span_number(struct span s, int64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.len; ++i) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
        int64_t digit = s.data[i] - '0';
        *out = *out > (SPAN_NUMBER_MAX - digit) / 10 ? SPAN_NUMBER_MAX : *out * 10 + digit;
    }
    return s.len > 0;
}

bool span_starts_with(struct span s, const char *prefix)
{
    size_t len = strlen(prefix);
    return s.len >= len && memcmp(s.data, prefix, len) == 0;
}

static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool span_is_token(struct span s)
{
    for (size_t i = 0; i < s.len; ++i)
        if (!is_token_char((unsigned char)s.data[i]))
            return false;
    return s.len > 0;
}
