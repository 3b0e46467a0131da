/*
 * Statements on one connection: arguments to values, prepared statements, rows. Knows no dialect; after an error inside
 * a transaction it runs nothing more there, on either database, as PostgreSQL would not.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock/clock.h"
#include "shared/db/core.h"

enum { PARAMS_MAX = 64 }; /* of a named statement */

const char *db_conflict(const struct db_conn *c)
{
    return c->fault.conflict;
}

const char *db_error(const struct db_conn *c)
{
    return c->fault.error;
}

int conn_failed(struct db_conn *c, int err)
{
    if (c->in_transaction && c->failed == 0)
        c->failed = err;
    if (err == -ENOSPC || err == -EROFS)
        atomic_store(&c->db->refused, err);
    return err;
}

/* What the letters say, taken from the arguments; the count or -E2BIG. */
static int gather(const char *letters, va_list args, struct db_value values[PARAMS_MAX])
{
    int n = 0;
    for (; letters[n] != '\0'; ++n) {
        if (n == PARAMS_MAX)
            return -E2BIG;
        const int64_t *nullable;
        struct db_value v = {.kind = DB_NULL};
        switch (letters[n]) {
        case 's':
            v.bytes = va_arg(args, const char *);
            v.kind = v.bytes == NULL ? DB_NULL : DB_TEXT;
            break;
        case 'b':
            v.bytes = va_arg(args, const void *);
            v.len = va_arg(args, size_t);
            v.kind = v.bytes == NULL ? DB_NULL : DB_BLOB;
            break;
        case 'n':
            nullable = va_arg(args, const int64_t *);
            v.integer = nullable == NULL ? 0 : *nullable;
            v.kind = nullable == NULL ? DB_NULL : DB_INT;
            break;
        default:
            v.kind = DB_INT;
            v.integer = va_arg(args, int64_t);
        }
        values[n] = v;
    }
    return n;
}

static int refuse(struct db_conn *c, int err, const char *words)
{
    db_fault_set(&c->fault, err, "%s", words);
    return conn_failed(c, err);
}

int conn_check_ready(struct db_conn *c)
{
    if (c->open != NULL)
        return refuse(c, -EIO, "another query is still open on this connection");
    if (c->in_transaction)
        return c->failed; /* the fault keeps the words of the first error */
    c->fault.error[0] = c->fault.conflict[0] = '\0';
    return conn_ensure_link(c);
}

static int prepared_of(struct db_conn *c, struct db_rows *r, const char *sql, const char *letters)
{
    r->is_single_use = strlen(sql) > CACHE_TEXT_MAX;
    if (!r->is_single_use && (r->prepared = cache_find(c, sql, letters)) != NULL)
        return 0;
    int err = c->db->driver->prepare(c->link, sql, letters, &r->prepared);
    if (err < 0) {
        r->prepared = NULL;
        return conn_failed(c, err);
    }
    if (r->is_single_use)
        return 0;
    err = cache_add(c, sql, letters, r->prepared);
    if (err < 0) {
        c->db->driver->drop(c->link, r->prepared);
        r->prepared = NULL;
    }
    return err;
}

/* Once for each statement. */
static void tell_time(struct db_rows *r)
{
    if (r->began_us != 0)
        r->conn->db->options.observe(clock_steady_us() - r->began_us);
    r->began_us = 0;
}

/* The statement is at its end (is_over) or given up. */
static void end_rows(struct db_rows *r, bool is_over)
{
    struct db_conn *c = r->conn;
    if (r->prepared == NULL)
        return;
    if (r->is_held) {
        c->db->driver->drop(NULL, r->prepared);
        r->prepared = NULL;
        return;
    }
    if (!is_over)
        c->db->driver->abandon(c->link, r->prepared);
    if (r->is_single_use)
        c->db->driver->drop(c->link, r->prepared);
    r->prepared = NULL;
    c->open = NULL;
}

void conn_end_open(struct db_conn *c)
{
    if (c->open != NULL)
        end_rows(c->open, false);
}

static int begin_rows(struct db_conn *c, struct db_rows *r, const char *sql, const char *letters,
                      const struct db_value *values, size_t count, bool is_few)
{
    *r = (struct db_rows){.conn = c, .began_us = c->db->options.observe == NULL ? 0 : clock_steady_us()};
    int err = conn_check_ready(c);
    if (err == 0)
        err = prepared_of(c, r, sql, letters);
    if (err < 0)
        return err;
    c->open = r;
    err = c->db->driver->start(c->link, r->prepared, values, count, is_few);
    if (err < 0) {
        tell_time(r);
        end_rows(r, true);
        return conn_failed(c, err);
    }
    return 0;
}

int db_step(struct db_rows *r)
{
    if (r->prepared == NULL)
        return 0;
    struct db_conn *c = r->conn;
    int more = c->db->driver->step(c->link, r->prepared);
    tell_time(r);
    if (more == 1)
        return 1;
    end_rows(r, true);
    return more < 0 ? conn_failed(c, more) : 0;
}

int db_hold(struct db_rows *r)
{
    struct db_conn *c = r->conn;
    struct db_prepared *held;
    if (c->db->driver->hold == NULL)
        return -ENOTSUP;
    int count = c->db->driver->hold(c->link, r->prepared, &held);
    tell_time(r);
    end_rows(r, true);
    if (count < 0)
        return conn_failed(c, count);
    r->prepared = held;
    r->is_held = true;
    return count;
}

void db_seek(struct db_rows *r, int row)
{
    r->conn->db->driver->seek(r->prepared, row);
}

void db_rows_free(struct db_rows *r)
{
    if (r == NULL)
        return;
    end_rows(r, false);
    free(r);
}

static int64_t run(struct db_conn *c, const char *sql, const char *letters, const struct db_value *values, size_t count)
{
    struct db_rows r;
    int more = begin_rows(c, &r, sql, letters, values, count, false);
    if (more < 0)
        return more;
    while ((more = db_step(&r)) == 1)
        ;
    if (more < 0)
        return more;
    int64_t changed = c->db->driver->changed(c->link);
    if (changed > 0 && !c->in_transaction)
        atomic_store_explicit(&c->db->refused, 0, memory_order_relaxed);
    return changed;
}

static int query(struct db_conn *c, struct db_rows **out, const char *sql, const char *letters,
                 const struct db_value *values, size_t count, bool is_few)
{
    *out = NULL;
    struct db_rows *r = malloc(sizeof(*r));
    if (r == NULL)
        return -ENOMEM;
    int err = begin_rows(c, r, sql, letters, values, count, is_few);
    if (err < 0) {
        free(r);
        return err;
    }
    *out = r;
    return 0;
}

int64_t db_exec(struct db_conn *c, const struct db_statement *st, ...)
{
    struct db_value values[PARAMS_MAX];
    va_list args;
    va_start(args, st);
    int n = gather(st->params, args, values);
    va_end(args);
    return n < 0 ? n : run(c, st->sql, st->params, values, (size_t)n);
}

int db_query(struct db_conn *c, struct db_rows **out, const struct db_statement *st, ...)
{
    struct db_value values[PARAMS_MAX];
    va_list args;
    *out = NULL;
    va_start(args, st);
    int n = gather(st->params, args, values);
    va_end(args);
    return n < 0 ? n : query(c, out, st->sql, st->params, values, (size_t)n, false);
}

static int letters_of(const struct db_value *values, size_t count, char letters[DB_VALUES_MAX + 1])
{
    static const char by_kind[] = {[DB_NULL] = '?', [DB_INT] = 'i', [DB_TEXT] = 's', [DB_BLOB] = 'b'};
    if (count > DB_VALUES_MAX)
        return -E2BIG;
    for (size_t i = 0; i < count; ++i)
        letters[i] = by_kind[values[i].kind];
    letters[count] = '\0';
    return 0;
}

static int query_values(struct db_conn *c, struct db_rows **out, const char *sql, const struct db_value *values,
                        size_t count, bool is_few)
{
    char letters[DB_VALUES_MAX + 1];
    *out = NULL;
    int err = letters_of(values, count, letters);
    return err < 0 ? err : query(c, out, sql, letters, values, count, is_few);
}

int db_query_values(struct db_conn *c, struct db_rows **out, const char *sql, const struct db_value *values,
                    size_t count)
{
    return query_values(c, out, sql, values, count, false);
}

int db_query_few(struct db_conn *c, struct db_rows **out, const char *sql, const struct db_value *values, size_t count)
{
    return query_values(c, out, sql, values, count, true);
}

int64_t db_exec_values(struct db_conn *c, const char *sql, const struct db_value *values, size_t count)
{
    char letters[DB_VALUES_MAX + 1];
    int err = letters_of(values, count, letters);
    return err < 0 ? err : run(c, sql, letters, values, count);
}

int db_one(struct db_conn *c, int (*read)(const struct db_rows *r, void *arg), void *arg, const struct db_statement *st,
           ...)
{
    struct db_value values[PARAMS_MAX];
    struct db_rows r;
    va_list args;
    va_start(args, st);
    int n = gather(st->params, args, values);
    va_end(args);
    int err = n < 0 ? n : begin_rows(c, &r, st->sql, st->params, values, (size_t)n, false);
    if (err < 0)
        return err;
    int found = db_step(&r);
    int result = found == 1 && read != NULL ? read(&r, arg) : 0;
    /* The end, not the row, says that an INSERT … RETURNING went well. */
    int last = found == 1 ? db_step(&r) : 0;
    end_rows(&r, false);
    if (found <= 0)
        return found;
    return last < 0 ? last : result < 0 ? result : 1;
}

bool db_is_null(const struct db_rows *r, int column)
{
    return r->conn->db->driver->is_null(r->prepared, column);
}

int64_t db_int(const struct db_rows *r, int column)
{
    return r->conn->db->driver->integer(r->prepared, column);
}

const char *db_text(const struct db_rows *r, int column)
{
    return r->conn->db->driver->text(r->prepared, column);
}

const void *db_blob(const struct db_rows *r, int column, size_t *len)
{
    return r->conn->db->driver->blob(r->prepared, column, len);
}

int conn_script(struct db_conn *c, const char *sql)
{
    int err = conn_check_ready(c);
    if (err == 0 && (err = c->db->driver->script(c->link, sql)) < 0)
        return conn_failed(c, err);
    return err;
}

static int check_columns(struct db_conn *c, const struct db_statement *st, const struct db_prepared *s)
{
    const struct db_driver *driver = c->db->driver;
    int have = driver->column_count(s);
    if (have != (int)strlen(st->columns))
        return db_fault_set(&c->fault, -EIO, "it has %d columns, not \"%s\"", have, st->columns);
    for (int i = 0; i < have; ++i) {
        char letter = driver->column_letter(s, i);
        if (letter != '\0' && letter != st->columns[i])
            return db_fault_set(&c->fault, -EIO, "column %d is %c, not %c", i, letter, st->columns[i]);
    }
    return 0;
}

int db_prepare_all(struct db_conn *c, const struct db_statement *statements, size_t count, char *why, size_t why_size)
{
    int err = 0;
    for (size_t i = 0; i < count && err == 0; ++i) {
        const struct db_statement *st = &statements[i];
        struct db_prepared *s = NULL;
        err = conn_check_ready(c);
        if (err == 0)
            err = c->db->driver->prepare(c->link, st->sql, st->params, &s);
        if (err == 0) {
            err = check_columns(c, st, s);
            c->db->driver->drop(c->link, s);
        }
        if (err < 0)
            snprintf(why, why_size, "%s: %s", st->name, c->fault.error);
    }
    return err < 0 ? conn_failed(c, err) : 0;
}
