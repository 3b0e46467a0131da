/* Types and binary values of PostgreSQL; no connection is needed here. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "shared/db/postgres.h"

enum { TYPE_BOOL = 16, TYPE_BYTEA = 17, TYPE_NUMERIC = 1700, PLACEHOLDERS = DB_VALUES_MAX + 1 };

/* pg_type.dat */
static const struct {
    Oid oid;
    char letter;
} types[] = {
    {20, 'i'},
    {25, 's'},
    {TYPE_BYTEA, 'b'},
    {23, 'i'},
    {21, 'i'},
    {TYPE_BOOL, 'i'},
    {TYPE_NUMERIC, 'i'},
    {1043, 's'},
    {1042, 's'} /* char */,
    {19, 's'} /* name */,
    {705, 's'} /* unknown */,
    {2278, '\0'} /* void */,
};

char postgres_letter(Oid type)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); ++i) {
        if (types[i].oid == type)
            return types[i].letter;
    }
    return '?';
}

static int64_t big_endian(const unsigned char *bytes, size_t len)
{
    uint64_t value = len > 0 && (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < len; ++i)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

/* numeric_send: count, weight, sign, scale, then so many digits of base 10000. Beyond 64 bits: the nearest. */
static int64_t whole_of(const unsigned char *bytes, size_t len)
{
    if (len < 8)
        return 0;
    int64_t count = big_endian(bytes, 2), weight = big_endian(bytes + 2, 2), value = 0;
    bool is_negative = big_endian(bytes + 4, 2) == 0x4000;
    for (int64_t i = 0; i <= weight; ++i) {
        size_t at = 8 + 2 * (size_t)i;
        int64_t digit = i < count && at + 2 <= len ? big_endian(bytes + at, 2) : 0;
        if (__builtin_mul_overflow(value, 10000, &value) ||
            __builtin_add_overflow(value, is_negative ? -digit : digit, &value))
            return is_negative ? INT64_MIN : INT64_MAX;
    }
    return value;
}

int64_t postgres_integer(Oid type, const unsigned char *bytes, size_t len)
{
    if (type == TYPE_NUMERIC)
        return whole_of(bytes, len);
    return type == TYPE_BOOL || (postgres_letter(type) == 'i' && len <= 8) ? big_endian(bytes, len) : 0;
}

/* Past a string, an identifier in quotes or a comment that begins here; otherwise one character on. */
static const char *skip_quoted(const char *p)
{
    const char *end = p[0] == '-' && p[1] == '-'    ? strchr(p, '\n')
                      : p[0] == '\'' || p[0] == '"' ? strchr(p + 1, *p)
                                                    : p;
    return end == NULL ? p + strlen(p) : end + 1;
}

bool postgres_has_placeholders(const char *sql, size_t count)
{
    unsigned char seen[PLACEHOLDERS + 1] = {0};
    size_t distinct = 0;
    for (const char *p = sql; *p != '\0'; p = skip_quoted(p)) {
        if (p[0] != '$' || p[1] < '0' || p[1] > '9')
            continue;
        unsigned long number = strtoul(p + 1, NULL, 10);
        if (number == 0 || number > count || number > PLACEHOLDERS)
            return false;
        distinct += seen[number] == 0;
        seen[number] = 1;
    }
    return distinct == count;
}
