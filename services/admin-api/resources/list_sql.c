/* The statements of lists; see list_sql.h. */
#include "services/admin-api/resources/list_sql.h"

#include "services/admin-api/resources/row.h"

/* With a plus before it a column is an expression that no index has. */
void list_sql_order(const struct list_query *q, bool is_few, struct sql *s)
{
    for (size_t i = 0; i < q->key_count; ++i) {
        sql_add(s, i == 0 ? " ORDER BY " : ", ");
        sql_add(s, is_few && !q->keys[i].is_text ? "+" : "");
        sql_add(s, q->keys[i].expression);
        if (q->keys[i].descending)
            sql_add(s, " DESC");
    }
}

void list_sql_count(const struct resource *r, const struct sql *where, const struct filtered *how, struct sql *s)
{
    if (how->count != NULL) {
        sql_bind_first(s, how->count);
        sql_add(s, how->count->text);
        return;
    }
    sql_bind_first(s, where);
    sql_add(s, "SELECT COUNT(*) FROM ");
    sql_add(s, r->count_from != NULL && !how->is_joined ? r->count_from : r->from);
    sql_add(s, where->text);
}

/* Where the ids of a page come from. */
static const char *narrowest(const struct resource *r, const struct filtered *how, const struct list_query *q)
{
    bool is_joined = how->is_joined || r->count_from == NULL;
    for (size_t i = 0; i < q->key_count; ++i)
        is_joined |= q->keys[i].is_joined;
    return is_joined ? r->from : r->count_from;
}

void list_sql_ids(const struct resource *r, const struct sql *where, const struct filtered *how,
                  const struct list_query *q, int rows, struct sql *s)
{
    sql_add(s, "SELECT ");
    sql_add(s, r->id);
    sql_add(s, " FROM ");
    sql_add(s, narrowest(r, how, q));
    sql_add(s, where->text);
    list_sql_order(q, how->is_few, s);
    sql_add(s, " LIMIT ");
    sql_int(s, rows);
    sql_add(s, " OFFSET ");
    sql_int(s, q->offset);
}

int list_sql_page(const struct resource *r, const struct sql *where, const struct filtered *how,
                  const struct list_query *q, const char *further_columns, int rows, struct sql *s)
{
    sql_bind_first(s, where);
    int columns = row_select(r, s, further_columns);
    sql_add(s, " WHERE ");
    sql_add(s, r->id);
    sql_add(s, " IN (");
    list_sql_ids(r, where, how, q, rows, s);
    sql_add(s, ")");
    list_sql_order(q, true, s);
    return columns;
}
