/* Percent-decoding and query strings (WHATWG urlencoded rules for queries: '+' is a space). Any thread. */
#ifndef LC_SHARED_HTTP_QUERY_H
#define LC_SHARED_HTTP_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/http/head.h"

/* Decodes %XX (and '+' if `plus`) into out, NUL-terminated. Length; -EINVAL: broken escape or a NUL inside;
 * -ENAMETOOLONG: does not fit. */
ssize_t query_decode(struct span raw, bool plus, char *out, size_t size) __attribute__((warn_unused_result));

struct query_pair {
    const char *key, *value; /* decoded, NUL-terminated, owned by the query */
    size_t key_len, value_len;
};

struct query; /* the decoded pairs of one query string or urlencoded body */

/* 0, -EINVAL (broken escape, NUL, not UTF-8; `*why` static), -E2BIG (more than 500 pairs), -ENOMEM. */
int query_parse(struct span raw, struct query **out, const char **why) __attribute__((warn_unused_result));
void query_free(struct query *q);
size_t query_count(const struct query *q);
const struct query_pair *query_at(const struct query *q, size_t index);
/* The last value of that key (Django's rule), NULL if absent. */
const char *query_get(const struct query *q, const char *key);

#endif
