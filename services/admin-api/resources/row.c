/* Rows to JSON; see row.h. */
#include "services/admin-api/resources/row.h"

#include <errno.h>

#include "services/admin-api/resources/decode.h"
#include "services/admin-api/resources/iso_time.h"

int row_select(const struct resource *r, struct sql *s, const char *further_columns)
{
    const char *before = "SELECT ";
    int columns = 0;

    for (const struct field *f = r->fields; f < r->fields + r->field_count; ++f) {
        if (f->select == NULL)
            continue;
        sql_add(s, before);
        sql_add(s, f->select);
        columns += f->columns == 0 ? 1 : f->columns;
        before = ", ";
    }
    sql_add(s, further_columns);
    sql_add(s, " FROM ");
    sql_add(s, r->from);
    return columns;
}

static json_t *time_json(int64_t us)
{
    char text[ISO_TIME_SIZE];
    iso_time_format(us, text);
    return json_string_nocheck(text);
}

static json_t *value_json(const struct exchange *x, const struct field *f, const struct db_rows *row, int column)
{
    if (f->show != NULL)
        return f->show(x, row, column);
    if (db_is_null(row, column))
        return json_null();
    switch (f->type) {
    case FIELD_INTEGER:
        return json_integer(db_int(row, column));
    case FIELD_BOOLEAN:
        return json_boolean(db_int(row, column) != 0);
    case FIELD_TIME:
        return time_json(db_int(row, column));
    case FIELD_REFERENCE:
        if (f->lookup.is_number)
            return json_integer(db_int(row, column));
        return json_string_nocheck(db_text(row, column));
    default: /* UTF-8 was checked when it came in, and is once more when it is dumped */
        return json_string_nocheck(db_text(row, column));
    }
}

int row_fill(const struct exchange *x, const struct resource *r, const struct db_rows *row, json_t *object)
{
    int column = 0;

    for (const struct field *f = r->fields; f < r->fields + r->field_count; ++f) {
        if (f->select == NULL)
            continue;
        if ((f->rules & RULE_SHOWN_SET) && db_is_null(row, column))
            (void)json_object_del(object, f->name); /* of the row before */
        else if (json_object_set_new_nocheck(object, f->name, value_json(x, f, row, column)) < 0)
            return -ENOMEM;
        column += f->columns == 0 ? 1 : f->columns;
    }
    return 0;
}

json_t *row_json(const struct exchange *x, const struct resource *r, const struct db_rows *row)
{
    json_t *object = json_object();
    if (object == NULL || row_fill(x, r, row, object) == 0)
        return object;
    json_decref(object);
    return NULL;
}

int row_load(const struct exchange *x, const struct resource *r, struct db_conn *c, int64_t id, json_t **out)
{
    struct sql *s = sql_new();
    struct db_rows *rows = NULL;

    *out = NULL;
    if (s == NULL)
        return -ENOMEM;
    row_select(r, s, "");
    sql_add(s, " WHERE ");
    sql_add(s, r->id);
    sql_add(s, " = ");
    sql_int(s, id);
    int found = sql_query(c, &rows, s);
    if (found == 0)
        found = db_step(rows);
    if (found == 1) {
        *out = row_json(x, r, rows);
        int rest = *out == NULL ? -ENOMEM : db_step(rows);
        found = rest < 0 ? rest : 1;
    }
    db_rows_free(rows);
    sql_free(s);
    return found;
}

void row_owner(const struct exchange *x, const struct resource *r, struct sql *s)
{
    if (r->owner == NULL)
        return;
    sql_add(s, " AND ");
    sql_add(s, r->owner);
    sql_add(s, " = ");
    sql_int(s, x->who.user_id);
}

int row_find(const struct exchange *x, const struct resource *r, struct db_conn *c, int64_t *id)
{
    struct sql *s;
    int64_t number = 0;

    if (r->key_is_number && integer_parse_path(x->params[0], &number) < 0)
        return 0;
    s = sql_new();
    if (s == NULL)
        return -ENOMEM;
    sql_add(s, "SELECT ");
    sql_add(s, r->id);
    sql_add(s, " FROM ");
    sql_add(s, r->from);
    sql_add(s, " WHERE ");
    sql_add(s, r->key);
    sql_add(s, " = ");
    if (r->key_is_number)
        sql_int(s, number);
    else
        sql_text(s, x->params[0]);
    row_owner(x, r, s);
    int found = sql_one_int(c, s, id);
    sql_free(s);
    return found;
}
