/*
 * One value of a configuration row between its text and its number, with messages that say what to give instead.
 * Strict: no spaces, no sign where none belongs, nothing after the suffix. Reads no environment, touches no files.
 */
#include "shared/config/value.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define SHOWN_MAX 48 /* bytes of a bad value that a message repeats */

struct unit {
    const char *suffix;
    int64_t factor;
};

/* In descending order, so that printing takes the largest that divides. */
static const struct unit size_units[] = {{"T", INT64_C(1) << 40},
                                         {"G", INT64_C(1) << 30},
                                         {"M", INT64_C(1) << 20},
                                         {"K", INT64_C(1) << 10},
                                         {"", 1},
                                         {NULL, 0}};
static const struct unit duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000},
                                             {"ms", 1},       {NULL, 0}};

static const char *const booleans[][2] = {{"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};

static int refuse(const struct config_row *row, const char *text, char *why, size_t why_size, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Always -EINVAL. The value is shown only where it is no secret, shortened, without control characters. */
static int refuse(const struct config_row *row, const char *text, char *why, size_t why_size, const char *format, ...)
{
    char shown[SHOWN_MAX + sizeof("…")];
    size_t len = strlen(text);
    size_t kept = len < SHOWN_MAX ? len : SHOWN_MAX;
    va_list args;

    while (kept < len && kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80)
        kept--; /* do not cut a character in two */
    for (size_t i = 0; i < kept; i++)
        shown[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    memcpy(shown + kept, kept < len ? "…" : "", kept < len ? sizeof("…") : 1);

    int used = row->secret ? snprintf(why, why_size, "%s: ", row->name)
                           : snprintf(why, why_size, "%s is \"%s\": ", row->name, shown);
    if (used > 0 && (size_t)used < why_size) {
        va_start(args, format);
        vsnprintf(why + used, why_size - (size_t)used, format, args);
        va_end(args);
    }
    return -EINVAL;
}

/* Digits at the start of `text`: how many, or 0; `*overflow` if they exceed int64_t. */
static size_t read_digits(const char *text, int64_t *value, bool *overflow)
{
    size_t i = 0;

    *value = 0;
    *overflow = false;
    for (; text[i] >= '0' && text[i] <= '9'; i++) {
        if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, text[i] - '0', value))
            *overflow = true;
    }
    return i;
}

/* 10G, 10GB and 10GiB are one thing; 10B is ten bytes. */
static bool size_suffix_is(const char *text, const char *suffix)
{
    size_t len = strlen(suffix);

    if (strncasecmp(text, suffix, len) != 0)
        return false;
    text += len;
    return *text == '\0' || strcasecmp(text, "B") == 0 || (len > 0 && strcasecmp(text, "iB") == 0);
}

static const struct unit *find_unit(enum config_type type, const char *suffix)
{
    const struct unit *units = type == CONFIG_SIZE ? size_units : duration_units;

    for (; units->suffix; units++) {
        if (type == CONFIG_SIZE ? size_suffix_is(suffix, units->suffix) : strcmp(suffix, units->suffix) == 0)
            return units;
    }
    return NULL;
}

static const char *expected(enum config_type type)
{
    switch (type) {
    case CONFIG_SIZE:
        return "give a whole number of bytes, with K, M, G or T for powers of 1024, such as 512M";
    case CONFIG_DURATION:
        return "give a whole number with its unit, ms, s, m, h or d, such as 90s, 24h or 30d";
    case CONFIG_BOOL:
        return "give true or false";
    default:
        return "give a whole number";
    }
}

static int check_range(const struct config_row *row, const char *text, int64_t value, char *why, size_t why_size)
{
    char limit[CONFIG_VALUE_TEXT];
    const char *what = NULL;

    if (value < row->min) {
        what = "least";
        config_value_text(row, row->min, limit);
    } else if (row->max > 0 && value > row->max) {
        what = "most";
        config_value_text(row, row->max, limit);
    }
    return what ? refuse(row, text, why, why_size, "give at %s %s", what, limit) : 0;
}

static int parse_number(const struct config_row *row, const char *text, int64_t *value, char *why, size_t why_size)
{
    bool negative = row->type == CONFIG_INT && row->min < 0 && text[0] == '-';
    const struct unit *unit = NULL;
    bool overflow;
    size_t digits = read_digits(text + negative, value, &overflow);
    const char *suffix = text + negative + digits;

    if (row->type == CONFIG_DURATION && strcmp(text, "0") == 0)
        unit = duration_units; /* any other number alone would be days to one reader and seconds to another */
    else if (digits > 0 && row->type != CONFIG_INT)
        unit = find_unit(row->type, suffix);
    if (digits == 0 || (row->type == CONFIG_INT ? *suffix != '\0' : !unit))
        return refuse(row, text, why, why_size, "%s", expected(row->type));
    if (overflow || (unit && __builtin_mul_overflow(*value, unit->factor, value)))
        return refuse(row, text, why, why_size, "the number is too large; %s", expected(row->type));
    if (negative)
        *value = -*value;
    return check_range(row, text, *value, why, why_size);
}

static int parse_bool(const struct config_row *row, const char *text, int64_t *value, char *why, size_t why_size)
{
    for (size_t i = 0; i < sizeof(booleans) / sizeof(booleans[0]); i++) {
        for (*value = 0; *value < 2; ++*value) {
            if (strcasecmp(text, booleans[i][*value]) == 0)
                return 0;
        }
    }
    return refuse(row, text, why, why_size, "%s", expected(CONFIG_BOOL));
}

static int parse_enum(const struct config_row *row, const char *text, int64_t *value, char *why, size_t why_size)
{
    size_t len = strlen(text);
    const char *choice = row->choices;

    for (*value = 0;; ++*value) {
        size_t n = strcspn(choice, "|");

        if (n == len && memcmp(choice, text, n) == 0)
            return 0;
        if (choice[n] == '\0')
            return refuse(row, text, why, why_size, "give one of %s", row->choices);
        choice += n + 1;
    }
}

static int check_string(const struct config_row *row, const char *text, char *why, size_t why_size)
{
    char reason[256] = "";

    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return refuse(row, text, why, why_size, "it holds a line break or a control character; give one line");
    }
    if (*text && row->check && row->check(text, reason, sizeof(reason)) != 0)
        return refuse(row, text, why, why_size, "%s", reason);
    return 0;
}

int config_parse(const struct config_row *row, const char *text, int64_t *value, char *why, size_t why_size)
{
    switch (row->type) {
    case CONFIG_STRING:
        return check_string(row, text, why, why_size);
    case CONFIG_BOOL:
        return parse_bool(row, text, value, why, why_size);
    case CONFIG_ENUM:
        return parse_enum(row, text, value, why, why_size);
    default:
        return parse_number(row, text, value, why, why_size);
    }
}

static void choice_text(const char *choices, int64_t index, char out[CONFIG_VALUE_TEXT])
{
    for (; index > 0; index--)
        choices += strcspn(choices, "|") + 1;
    snprintf(out, CONFIG_VALUE_TEXT, "%.*s", (int)strcspn(choices, "|"), choices);
}

void config_value_text(const struct config_row *row, int64_t value, char out[CONFIG_VALUE_TEXT])
{
    const struct unit *unit = row->type == CONFIG_SIZE ? size_units : duration_units;

    switch (row->type) {
    case CONFIG_BOOL:
        snprintf(out, CONFIG_VALUE_TEXT, "%s", booleans[0][value != 0]);
        break;
    case CONFIG_ENUM:
        choice_text(row->choices, value, out);
        break;
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        while (value % unit->factor != 0)
            unit++;
        snprintf(out, CONFIG_VALUE_TEXT, "%lld%s", (long long)(value / unit->factor), value ? unit->suffix : "");
        break;
    default:
        snprintf(out, CONFIG_VALUE_TEXT, "%lld", (long long)value);
    }
}
