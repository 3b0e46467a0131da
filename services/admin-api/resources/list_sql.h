/* The statements of lists, put together from a resource's descriptor and what the query string asked for. */
#ifndef LC_ADMIN_RESOURCES_LIST_SQL_H
#define LC_ADMIN_RESOURCES_LIST_SQL_H

#include "services/admin-api/resources/filter.h"
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/resources/sql.h"

/* `where` and `how` are filter_where's; the values of `where` are bound first. Each appends to `s`, which is new. */
void list_sql_count(const struct resource *r, const struct sql *where, const struct filtered *how, struct sql *s);
/* The ids of a page's rows, in order. how->is_few: the filters leave few rows, so they are to be found by an index of
 * the filters' and then sorted. Neither database knows that of a range or a search, and would look for them along the
 * index of the order. The values of `where` are bound already. */
void list_sql_ids(const struct resource *r, const struct sql *where, const struct filtered *how,
                  const struct list_query *q, int rows, struct sql *s);
/* The page, or its first `rows`: of those ids alone, so that rows that are skipped or sorted are neither joined nor
 * made. Behind the resource's columns stand `further_columns` (", a, b" or ""). Returns how many come before those. */
int list_sql_page(const struct resource *r, const struct sql *where, const struct filtered *how,
                  const struct list_query *q, const char *further_columns, int rows, struct sql *s);
/* " ORDER BY …" alone. */
void list_sql_order(const struct list_query *q, bool is_few, struct sql *s);

#endif
