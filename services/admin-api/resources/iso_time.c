/* ISO 8601; see iso_time.h. Days by the proleptic Gregorian calendar, as Python's datetime has it. */
#include "services/admin-api/resources/iso_time.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY    (86400 * US_PER_SECOND)

/* Days from 1970-01-01 to that date. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1; /* years begin in March: the leap day is last */
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct date {
    int64_t year, month, day;
};

/* The other way round. */
static struct date date_of(int64_t days)
{
    int64_t n = days + 719468, era = (n >= 0 ? n : n - 146096) / 146097, of_era = n - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), march = (5 * of_year + 2) / 153;
    int64_t month = march < 10 ? march + 3 : march - 9;
    return (struct date){year + era * 400 + (month <= 2), month, of_year - (153 * march + 2) / 5 + 1};
}

static char *put(char *at, int digits, int64_t value, char behind)
{
    for (int i = digits - 1; i >= 0; --i, value /= 10)
        at[i] = (char)('0' + value % 10);
    at[digits] = behind;
    return at + digits + 1;
}

/* By hand: a list has three times in each of its rows. */
void iso_time_format(int64_t us, char out[ISO_TIME_SIZE])
{
    int64_t first = iso_time_of_year(1), end = iso_time_of_year(10000);
    us = us < first ? first : us >= end ? end - 1 : us;
    int64_t days = (us - first) / US_PER_DAY, rest = (us - first) % US_PER_DAY, second = rest / US_PER_SECOND;
    struct date date = date_of(days + first / US_PER_DAY);
    char *at = put(out, 4, date.year, '-');
    at = put(at, 2, date.month, '-');
    at = put(at, 2, date.day, 'T');
    at = put(at, 2, second / 3600, ':');
    at = put(at, 2, second / 60 % 60, ':');
    at = put(at, 2, second % 60, '.');
    at = put(at, 6, rest % US_PER_SECOND, 'Z');
    *at = '\0';
}

static int64_t days_in(int64_t year, int64_t month)
{
    return month == 12 ? 31 : days_of(year, month + 1, 1) - days_of(year, month, 1);
}

int64_t iso_time_of_year(int64_t year)
{
    int64_t y = year < 1 ? 1 : year > 10000 ? 10000 : year;
    return days_of(y, 1, 1) * US_PER_DAY;
}

/* Exactly `digits` digits. */
static bool take(const char **at, int digits, int64_t *out)
{
    *out = 0;
    for (; digits > 0; --digits, ++*at) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

/* One to six digits are kept, more are read over. */
static bool take_fraction(const char **at, int64_t *us)
{
    int64_t unit = US_PER_SECOND / 10;
    const char *start = *at;
    for (; **at >= '0' && **at <= '9'; ++*at, unit /= 10)
        *us += (**at - '0') * unit;
    return *at > start;
}

/* One digit or two. */
static bool take_short(const char **at, int64_t *out)
{
    bool two = (*at)[0] >= '0' && (*at)[0] <= '9' && (*at)[1] >= '0' && (*at)[1] <= '9';
    return take(at, two ? 2 : 1, out);
}

static bool take_clock(const char **at, int64_t *us)
{
    int64_t hour, minute, second = 0, fraction = 0;
    if (!take_short(at, &hour) || !take_char(at, ':') || !take_short(at, &minute))
        return false;
    if (take_char(at, ':') && !take_short(at, &second))
        return false;
    if ((take_char(at, '.') || take_char(at, ',')) && !take_fraction(at, &fraction))
        return false;
    *us = ((hour * 60 + minute) * 60 + second) * US_PER_SECOND + fraction;
    return hour < 24 && minute < 60 && second < 60;
}

static bool take_offset(const char **at, int64_t *us)
{
    int64_t hours, minutes = 0;

    if (**at == ' ' && ((*at)[1] == '+' || (*at)[1] == '-' || (*at)[1] == 'Z'))
        ++*at;
    int64_t sign = **at == '-' ? -1 : 1;
    *us = 0;
    if (take_char(at, 'Z') || take_char(at, 'z') || **at == '\0')
        return true;
    if (!take_char(at, '+') && !take_char(at, '-') && !take_char(at, ' ')) /* a '+' not escaped in a query */
        return false;
    if (!take(at, 2, &hours))
        return false;
    bool colon = take_char(at, ':');
    if ((colon || **at != '\0') && !take(at, 2, &minutes))
        return false;
    *us = sign * (hours * 60 + minutes) * 60 * US_PER_SECOND;
    return hours < 24 && minutes < 60;
}

int iso_time_parse(const char *text, int64_t *us)
{
    int64_t year, month, day, clock = 0, offset = 0;

    text += strspn(text, " ");
    const char *start = text;
    if (!take(&text, 4, &year) || !take_char(&text, '-') || !take_short(&text, &month) || !take_char(&text, '-') ||
        !take_short(&text, &day))
        return -EINVAL;
    bool is_short = text - start < 10; /* with a time of day only */
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return -EINVAL;
    if (take_char(&text, 'T') || take_char(&text, 't') || (text[0] == ' ' && text[1] >= '0' && ++text)) {
        if (!take_clock(&text, &clock) || !take_offset(&text, &offset))
            return -EINVAL;
        is_short = false;
    }
    text += strspn(text, " ");
    *us = days_of(year, month, day) * US_PER_DAY + clock - offset;
    bool within = *us >= iso_time_of_year(1) && *us < iso_time_of_year(10000); /* an offset may lead out */
    return *text == '\0' && within && !is_short ? 0 : -EINVAL;
}
