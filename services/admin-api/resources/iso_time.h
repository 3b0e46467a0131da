/* Times of the API: microseconds since 1970 UTC as ISO 8601. Pure functions. */
#ifndef LC_ADMIN_RESOURCES_ISO_TIME_H
#define LC_ADMIN_RESOURCES_ISO_TIME_H

#include <stdint.h>

#define ISO_TIME_SIZE 40

void iso_time_format(int64_t us, char out[ISO_TIME_SIZE]); /* 2026-11-23T06:15:19.627384Z */
/* A date, or a date and a time (T or space between, seconds and fraction optional, Z or an offset; none is UTC).
 * 0 or -EINVAL: no such day or no such form. Years 1 to 9999. */
int iso_time_parse(const char *text, int64_t *us) __attribute__((warn_unused_result));
int64_t iso_time_of_year(int64_t year); /* its first microsecond; years outside 1 to 10000 are taken for these */

#endif
