/* Range (RFC 9110 14.1.2), one at a time. Pure function. */
#ifndef LC_ADMIN_HTTP_RANGES_H
#define LC_ADMIN_HTTP_RANGES_H

#include <stdint.h>

#include "shared/http/head.h"

struct byte_range {
    int64_t first, length;
};

/* 1: *out; 0: not bytes, malformed or several, so that the whole is to be sent; -ERANGE: outside `size`. */
int range_parse(struct span header, int64_t size, struct byte_range *out);

#endif
