/* The query string of a list: filters to WHERE, ordering to ORDER BY, limit and offset. */
#ifndef LC_ADMIN_RESOURCES_FILTER_H
#define LC_ADMIN_RESOURCES_FILTER_H

#include "services/admin-api/resources/resource.h"
#include "services/admin-api/resources/sql.h"

#define LIST_KEYS 5 /* of ordering, the id included */

struct list_query {
    struct order keys[LIST_KEYS];
    size_t key_count;
    bool paged;
    int64_t limit, offset;
};

/* How the rows that filters leave are found. */
struct filtered {
    bool is_few;       /* by an index, and few of them: whatever else is asked is looked up in each */
    bool is_scanned;   /* a filter looks at every row */
    bool is_joined;    /* a filter needs more than the resource's own table */
    struct sql *count; /* counts the same rows without looking at one of them; NULL: there is no such way */
    size_t counted;    /* the length of the WHERE it is for */
};

/* Is the expression of the resource's own table? */
bool filter_is_own(const struct resource *r, const char *expression);

/* how->count is the caller's to free, with sql_free, also behind an error.
 * Appends " WHERE …" to s (always at least " WHERE 1 = 1"). What is wrong goes to errors. 0 or negative. */
int filter_where(const struct exchange *x, const struct resource *r, struct db_conn *c, struct sql *s,
                 struct filtered *how, json_t *errors) __attribute__((warn_unused_result));
/* 0 or -ENOMEM; what is wrong goes to errors. */
int filter_list(const struct exchange *x, const struct resource *r, struct list_query *out, json_t *errors)
    __attribute__((warn_unused_result));

#endif
