/* One byte range; see ranges.h. */
#include "services/admin-api/http/ranges.h"

#include <errno.h>
#include <string.h>

/* Digits; -1: none. More than fit count as the largest. */
static int64_t take_number(const char **at, const char *end)
{
    int64_t n = *at < end && **at >= '0' && **at <= '9' ? 0 : -1;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
        n = n > (INT64_MAX - 9) / 10 ? INT64_MAX - 9 : n * 10 + (**at - '0');
    return n;
}

int range_parse(struct span header, int64_t size, struct byte_range *out)
{
    static const char unit[] = "bytes=";
    const char *at = header.data, *end = header.data + header.len;

    if (header.len < sizeof(unit) || memcmp(at, unit, sizeof(unit) - 1) != 0)
        return 0;
    at += sizeof(unit) - 1;
    int64_t first = take_number(&at, end);
    if (at == end || *at++ != '-')
        return 0;
    int64_t last = take_number(&at, end);
    if (at != end || (first < 0 && last < 0) || (first >= 0 && last >= 0 && last < first))
        return 0;
    if (first < 0) { /* the last so many bytes */
        first = last < size ? size - last : 0;
        if (last == 0)
            return -ERANGE;
        last = size - 1;
    }
    if (first >= size)
        return -ERANGE;
    if (last < 0 || last >= size)
        last = size - 1;
    *out = (struct byte_range){.first = first, .length = last - first + 1};
    return 1;
}
