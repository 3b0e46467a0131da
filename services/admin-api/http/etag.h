/* Entity tags (RFC 9110 8.8.3) and the conditions that name them. Any thread. */
#ifndef LC_ADMIN_HTTP_ETAG_H
#define LC_ADMIN_HTTP_ETAG_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/http/head.h"

#define ETAG_SIZE 68 /* "64 hex digits" and NUL */

/* The strong tag of these bytes: 32 hex digits of their SHA-256, quoted. */
void etag_of(const char *bytes, size_t len, char out[ETAG_SIZE]);
/* Does If-Match or If-None-Match name the tag? `weak`: W/ prefixes do not matter (If-None-Match). */
bool etag_is_listed(struct span header, const char *tag, bool weak);

#endif
