/* Decimal numbers; see decimal.h. No floating point: 64 bits are exact. */
#include "services/admin-api/resources/decimal.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define DIGITS        "0123456789"
#define SPACES        " \t\r\n\f\v"
#define EXPONENT_MOST 1000000 /* more makes no difference */

struct parts {
    bool negative;
    const char *whole, *fraction;
    size_t whole_len, fraction_len;
    int64_t exponent;
};

/* Reads over an exponent. */
static bool take_exponent(const char **at, int64_t *out)
{
    bool negative;

    *out = 0;
    if (**at != 'e' && **at != 'E')
        return true;
    ++*at;
    negative = **at == '-';
    *at += **at == '-' || **at == '+';
    if (strspn(*at, DIGITS) == 0)
        return false;
    for (; **at >= '0' && **at <= '9'; ++*at)
        if (*out < EXPONENT_MOST)
            *out = *out * 10 + (**at - '0');
    *out = negative ? -*out : *out;
    return true;
}

static bool split(const char *at, struct parts *p)
{
    at += strspn(at, SPACES);
    p->negative = *at == '-';
    at += *at == '-' || *at == '+';
    p->whole = at;
    p->whole_len = strspn(at, DIGITS);
    at += p->whole_len;
    bool has_point = *at == '.';
    at += has_point;
    p->fraction = at;
    p->fraction_len = has_point ? strspn(at, DIGITS) : 0;
    at += p->fraction_len;
    if (p->whole_len + p->fraction_len == 0 || !take_exponent(&at, &p->exponent))
        return false;
    return at[strspn(at, SPACES)] == '\0';
}

/* The digit so many places from the first one; zeros behind the last. */
static unsigned digit_at(const struct parts *p, size_t i)
{
    if (i < p->whole_len)
        return (unsigned)(p->whole[i] - '0');
    i -= p->whole_len;
    return i < p->fraction_len ? (unsigned)(p->fraction[i] - '0') : 0;
}

int decimal_parse(const char *text, int64_t *out)
{
    struct parts p;
    bool over = false;

    *out = 0;
    if (!split(text, &p))
        return -EINVAL;
    uint64_t n = 0, most = p.negative ? UINT64_C(1) << 63 : INT64_MAX;
    int64_t places = (int64_t)p.whole_len + p.exponent; /* digits in front of the point */
    bool is_zero = true;
    for (size_t i = 0; i < p.whole_len + p.fraction_len && is_zero; ++i)
        is_zero = digit_at(&p, i) == 0;
    for (size_t i = 0; (int64_t)i < places && !over && !is_zero; ++i) {
        unsigned digit = digit_at(&p, i);
        over = n > (most - digit) / 10;
        n = over ? most : n * 10 + digit;
    }
    *out = (int64_t)(p.negative ? 0 - n : n);
    return over ? -ERANGE : 0;
}
