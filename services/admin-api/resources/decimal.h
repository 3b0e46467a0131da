/* Decimal numbers of query strings, which clients may write with a point or an exponent. Any thread. */
#ifndef LC_ADMIN_RESOURCES_DECIMAL_H
#define LC_ADMIN_RESOURCES_DECIMAL_H

#include <stdint.h>

/* "12", " -3.9 ", ".5", "1e3" to the integer next to it towards zero: all columns that are compared are integers.
 * 0; -EINVAL: no number; -ERANGE: beyond 64 bits, with INT64_MIN or INT64_MAX in *out. */
int decimal_parse(const char *text, int64_t *out) __attribute__((warn_unused_result));

#endif
