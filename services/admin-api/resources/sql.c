/* SQL from fragments; see sql.h. */
#include "services/admin-api/resources/sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sql *sql_new(void)
{
    struct sql *s = malloc(sizeof(*s));
    if (s != NULL) {
        s->len = s->count = 0;
        s->full = false;
        s->text[0] = '\0';
    }
    return s;
}

void sql_free(struct sql *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; ++i)
        free((void *)(uintptr_t)s->values[i].bytes);
    free(s);
}

void sql_add(struct sql *s, const char *constant)
{
    size_t len = strlen(constant);
    if (s->len + len >= sizeof(s->text)) {
        s->full = true;
        return;
    }
    memcpy(s->text + s->len, constant, len + 1);
    s->len += len;
}

void sql_value(struct sql *s, struct db_value value)
{
    char place[16];
    if (s->count == SQL_VALUES) {
        s->full = true;
        return;
    }
    if (value.kind == DB_TEXT || value.kind == DB_BLOB) {
        char *copy = malloc(value.len + 1);
        if (copy == NULL) {
            s->full = true;
            return;
        }
        memcpy(copy, value.bytes, value.len);
        copy[value.len] = '\0';
        value.bytes = copy;
    } else {
        value.bytes = NULL;
    }
    s->values[s->count++] = value;
    snprintf(place, sizeof(place), "$%zu", s->count);
    sql_add(s, place);
}

void sql_int(struct sql *s, int64_t value)
{
    sql_value(s, (struct db_value){.kind = DB_INT, .integer = value});
}

void sql_text(struct sql *s, const char *value)
{
    sql_value(s, (struct db_value){.kind = DB_TEXT, .bytes = value, .len = strlen(value)});
}

void sql_bind_first(struct sql *s, const struct sql *fragment)
{
    for (size_t i = 0; i < fragment->count; ++i)
        sql_value(s, fragment->values[i]);
    s->full |= fragment->full;
    s->len = 0;
}

int sql_query(struct db_conn *c, struct db_rows **out, const struct sql *s)
{
    return s->full ? -E2BIG : db_query_values(c, out, s->text, s->values, s->count);
}

int sql_query_few(struct db_conn *c, struct db_rows **out, const struct sql *s)
{
    return s->full ? -E2BIG : db_query_few(c, out, s->text, s->values, s->count);
}

int sql_count(struct db_conn *c, const struct sql *s, int64_t *out)
{
    return s->full ? -E2BIG : db_count_values(c, s->text, s->values, s->count, out);
}

int64_t sql_exec(struct db_conn *c, const struct sql *s)
{
    return s->full ? -E2BIG : db_exec_values(c, s->text, s->values, s->count);
}

int sql_one_int(struct db_conn *c, const struct sql *s, int64_t *out)
{
    struct db_rows *rows;
    int err = sql_query(c, &rows, s);
    if (err < 0)
        return err;
    int found = db_step(rows);
    if (found == 1) {
        *out = db_int(rows, 0);
        int rest = db_step(rows);
        found = rest < 0 ? rest : 1;
    }
    db_rows_free(rows);
    return found;
}
