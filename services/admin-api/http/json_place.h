/* Where a JSON text goes wrong, and how: as the JSON reader of the clients of old counted and called it. Any thread. */
#ifndef LC_ADMIN_HTTP_JSON_PLACE_H
#define LC_ADMIN_HTTP_JSON_PLACE_H

#include <stddef.h>

struct json_place {
    const char *what;           /* static */
    size_t line, column, place; /* in characters; lines and columns from 1, the place from 0 */
};

/* 1: *out says where; 0: nothing is wrong with it that this reader minds (or it is not UTF-8, or nested too deep). */
int json_place(const char *text, size_t len, struct json_place *out) __attribute__((warn_unused_result));

#endif
