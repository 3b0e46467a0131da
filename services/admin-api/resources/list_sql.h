/* The statements of lists, put together from a resource's descriptor and what the query string asked for. */
#ifndef LC_ADMIN_RESOURCES_LIST_SQL_H
#define LC_ADMIN_RESOURCES_LIST_SQL_H

#include "services/admin-api/resources/filter.h"
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/resources/sql.h"

/* `where` is filter_where's; its values are bound first. Each appends to `s`, which is new. */
void list_sql_count(const struct resource *r, const struct sql *where, struct sql *s);
/* is_few: the filters leave few rows, so they are to be found by an index of the filters' and then sorted. Neither
 * database knows that of a range or a search, and would look for them along the index of the order. */
void list_sql_page(const struct resource *r, const struct sql *where, const struct list_query *q, bool is_few,
                   struct sql *s);
/* " ORDER BY …" alone. */
void list_sql_order(const struct list_query *q, bool is_few, struct sql *s);

#endif
