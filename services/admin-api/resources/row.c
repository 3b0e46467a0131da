/* Rows to JSON; see row.h. */
#include "services/admin-api/resources/row.h"

#include <errno.h>
#include <string.h>

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

static void add_value(const struct exchange *x, const struct field *f, const struct db_rows *row, int column,
                      struct jsontext *t)
{
    char time[ISO_TIME_SIZE];

    if (f->show != NULL) {
        jsontext_value(t, f->show(x, row, column));
        return;
    }
    if (db_is_null(row, column)) {
        jsontext_raw(t, "null", 4);
        return;
    }
    switch (f->type) {
    case FIELD_BOOLEAN:
        jsontext_raw(t, db_int(row, column) != 0 ? "true" : "false", db_int(row, column) != 0 ? 4 : 5);
        break;
    case FIELD_TIME:
        iso_time_format(db_int(row, column), time);
        jsontext_string(t, time);
        break;
    case FIELD_INTEGER:
        jsontext_integer(t, db_int(row, column));
        break;
    case FIELD_REFERENCE:
        if (f->lookup.is_number)
            jsontext_integer(t, db_int(row, column));
        else
            jsontext_string(t, db_text(row, column));
        break;
    default:
        jsontext_string(t, db_text(row, column));
    }
}

void row_text(const struct exchange *x, const struct resource *r, const struct db_rows *row, struct jsontext *t)
{
    const char *before = "{\"";
    int column = 0;

    for (const struct field *f = r->fields; f < r->fields + r->field_count; ++f) {
        if (f->select == NULL)
            continue;
        int columns = f->columns == 0 ? 1 : f->columns;
        bool is_shown = !(f->rules & RULE_SHOWN_SET) || !db_is_null(row, column);
        if (is_shown) {
            jsontext_raw(t, before, 2);
            jsontext_raw(t, f->name, strlen(f->name));
            jsontext_raw(t, "\":", 2);
            add_value(x, f, row, column, t);
            before = ",\"";
        }
        column += columns;
    }
    jsontext_raw(t, "}", 1);
}

/* The one row of a query, if there is one: 1, 0 or negative. */
static int load_row(const struct exchange *x, const struct resource *r, struct db_rows *rows, json_t **out)
{
    struct jsontext t = {.bytes = NULL};
    int found = db_step(rows);

    if (found < 1)
        return found;
    row_text(x, r, rows, &t);
    *out = t.failed ? NULL : json_loadb(t.bytes, t.len, 0, NULL);
    jsontext_free(&t);
    int rest = *out == NULL ? -ENOMEM : db_step(rows);
    return rest < 0 ? rest : 1;
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
        found = load_row(x, r, rows, out);
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
