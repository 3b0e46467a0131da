/*
 * One SQL text put together from constant fragments of descriptors, with its bound values. Input is only ever a value.
 */
#ifndef LC_ADMIN_RESOURCES_SQL_H
#define LC_ADMIN_RESOURCES_SQL_H

#include "shared/db/db.h"

#define SQL_TEXT   16384
#define SQL_VALUES 600

struct sql {
    size_t len, count;
    bool full; /* something did not fit: the statement is refused */
    struct db_value values[SQL_VALUES];
    char text[SQL_TEXT];
};

struct sql *sql_new(void);    /* NULL: memory */
void sql_free(struct sql *s); /* with the texts that sql_text copied */
void sql_add(struct sql *s, const char *constant);
/* Appends $n for the value. Texts are copied. */
void sql_value(struct sql *s, struct db_value value);
void sql_int(struct sql *s, int64_t value);
void sql_text(struct sql *s, const char *value);
/* Binds the values of a fragment made apart, before anything else: its text can then be added as it is. */
void sql_bind_first(struct sql *s, const struct sql *fragment);

/* As db_query_values, db_query_few and db_exec_values; -E2BIG: full. */
int sql_query_few(struct db_conn *c, struct db_rows **out, const struct sql *s) __attribute__((warn_unused_result));
int sql_query(struct db_conn *c, struct db_rows **out, const struct sql *s) __attribute__((warn_unused_result));
/* As db_count_values. */
int sql_count(struct db_conn *c, const struct sql *s, int64_t *out) __attribute__((warn_unused_result));
int64_t sql_exec(struct db_conn *c, const struct sql *s) __attribute__((warn_unused_result));
/* The first row's first column as an integer: 1, 0: no row, or negative. */
int sql_one_int(struct db_conn *c, const struct sql *s, int64_t *out) __attribute__((warn_unused_result));

#endif
