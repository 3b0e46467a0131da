/*
 * The PostgreSQL driver: every wait has a deadline, rows come one by one as the server makes them, results are binary.
 * With postgres_*.c the only files that call libpq.
 */
#include "shared/db/postgres.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/clock/clock.h"

enum {
    GRACE_MS = 500,          /* the server gives up first, which keeps the connection */
    LEFTOVERS_MS = 20,       /* to read the rest of a query left open; then its connection goes */
    PATIENCE_MS = 600000,    /* of a migration, for another process's */
    IDLE_LEAST_MS = 60000,   /* a transaction of ours that does nothing for so long is dead */
    MIGRATION_LOCK = 712417, /* of pg_advisory_xact_lock, any number that nobody else takes */
};

#define TYPE_INT8  20
#define TYPE_BYTEA 17
#define TYPE_TEXT  25

struct db_prepared {
    struct db_prepared *next; /* among the dropped */
    PGresult *rows;           /* all of a small result, or the current one */
    int at;                   /* the current row of them */
    Oid *types;               /* of the columns */
    int columns;
    char name[16];
    const char **values; /* of the placeholders: what PQsendQueryPrepared takes */
    int *lengths, *formats;
    int64_t *integers;
};

/* --- talking to the server --- */

/* The server may be frozen or the network gone: it ends here, whatever becomes of the other side. */
static void cut(struct db_link *l)
{
    l->is_broken = true;
    shutdown(PQsocket(l->conn), SHUT_RDWR);
}

static int wait_for(struct db_link *l, short events)
{
    struct pollfd p = {.fd = PQsocket(l->conn), .events = events};
    for (;;) {
        int64_t left = l->deadline_ms - clock_steady_ms();
        if (l->deadline_ms == 0)
            left = -1;
        else if (left <= 0)
            break;
        int n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return db_fault_set(l->fault, -EIO, "poll: %s", strerror(errno));
    }
    cut(l);
    return db_fault_set(l->fault, -ETIMEDOUT, "PostgreSQL did not answer within %u ms", l->place->timeout_ms);
}

static int flush(struct db_link *l)
{
    int more;
    while ((more = PQflush(l->conn)) == 1) {
        int err = wait_for(l, POLLIN | POLLOUT);
        if (err < 0)
            return err;
        if (PQconsumeInput(l->conn) == 0)
            return postgres_failed(l, NULL);
    }
    return more < 0 ? postgres_failed(l, NULL) : 0;
}

/* NULL at the end of everything that was sent. */
static int next_result(struct db_link *l, PGresult **out)
{
    *out = NULL;
    while (PQisBusy(l->conn)) {
        int err = wait_for(l, POLLIN);
        if (err < 0)
            return err;
        /* When the connection is lost, what came before that is still to be read: the reason may be there. */
        if (PQconsumeInput(l->conn) == 0 && PQisBusy(l->conn))
            return postgres_failed(l, NULL);
    }
    *out = PQgetResult(l->conn);
    return 0;
}

static int64_t changed_by(PGresult *result)
{
    return strncmp(PQcmdStatus(result), "SELECT", 6) == 0 ? 0 : strtoll(PQcmdTuples(result), NULL, 10);
}

static int take(struct db_link *l, PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        l->changed = changed_by(result);
        return 0;
    case PGRES_EMPTY_QUERY:
        return 0;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        cut(l);
        return db_fault_set(l->fault, -EIO, "COPY is not for here");
    default:
        return postgres_failed(l, result);
    }
}

/* Up to the next row, or all rows if they come in one piece: 1. To the end: 0, or the first error. */
static int next(struct db_link *l, PGresult **row)
{
    int err = 0;
    for (;;) {
        PGresult *result;
        int failed = next_result(l, &result);
        if (failed < 0 || result == NULL)
            return err < 0 ? err : failed;
        bool has_rows = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0;
        if (PQresultStatus(result) == PGRES_SINGLE_TUPLE || has_rows) {
            *row = result;
            return 1;
        }
        failed = err < 0 ? 0 : take(l, result);
        PQclear(result);
        err = failed < 0 ? failed : err;
        if (l->is_broken)
            return err;
    }
}

static void set_deadline(struct db_link *l)
{
    l->changed = 0;
    l->deadline_ms = l->is_migrating ? 0 : clock_steady_ms() + l->place->timeout_ms + GRACE_MS;
}

static int finish(struct db_link *l, int sent)
{
    PGresult *row;
    int more = sent == 1 ? flush(l) : postgres_failed(l, NULL);
    while (more >= 0 && (more = next(l, &row)) == 1)
        PQclear(row);
    return more;
}

static int script(struct db_link *l, const char *sql)
{
    set_deadline(l);
    return finish(l, PQsendQuery(l->conn, sql));
}

/* --- links --- */

static void free_prepared(struct db_prepared *s)
{
    PQclear(s->rows);
    free(s->types);
    free(s->values);
    free(s->lengths);
    free(s->formats);
    free(s->integers);
    free(s);
}

static void disconnect(struct db_link *l)
{
    while (l->dropped != NULL) {
        struct db_prepared *s = l->dropped;
        l->dropped = s->next;
        free_prepared(s);
    }
    PQfinish(l->conn);
    free(l);
}

/* Statements on their own see what is committed (READ COMMITTED); transactions say what they want. Compiling plans
 * costs more than any statement here, and so does starting further processes for one. A plan is made for the values at
 * hand: one for any values would take a range of a dozen rows for half a percent of the table. */
static int settle(struct db_link *l)
{
    char sql[512];
    unsigned timeout = l->place->timeout_ms, idle = timeout > IDLE_LEAST_MS ? timeout : IDLE_LEAST_MS;
    snprintf(sql, sizeof(sql),
             "SET statement_timeout = %u; SET idle_in_transaction_session_timeout = %u; SET jit = off; "
             "SET plan_cache_mode = force_custom_plan; SET max_parallel_workers_per_gather = 0; "
             "SET default_transaction_isolation = 'read committed'; SET standard_conforming_strings = on%s",
             timeout, idle, l->place->read_only ? "; SET default_transaction_read_only = on" : "");
    return script(l, sql);
}

static int connect_server(struct db_place *p, struct db_fault *fault, struct db_link **out)
{
    struct db_link *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return -ENOMEM;
    l->place = p;
    l->fault = fault;
    int err = postgres_place_connect(p, fault, &l->conn);
    if (err == 0)
        err = settle(l);
    if (err < 0) {
        disconnect(l);
        return err;
    }
    *out = l;
    return 0;
}

/* What an idle connection has to say is its end, or a notice. */
static bool is_alive(struct db_link *l)
{
    struct pollfd p = {.fd = PQsocket(l->conn), .events = POLLIN};
    for (int looks = 0; looks < 4 && !l->is_broken && poll(&p, 1, 0) > 0; ++looks) {
        if (PQconsumeInput(l->conn) == 0)
            return false;
        (void)PQisBusy(l->conn);
    }
    return !l->is_broken && PQstatus(l->conn) == CONNECTION_OK;
}

/* --- transactions --- */

static void end_transaction(struct db_link *l)
{
    l->is_in_transaction = l->is_migrating = false;
}

static void rollback(struct db_link *l)
{
    struct db_fault words = *l->fault; /* of the cause, not of this */
    if (!l->is_broken && PQtransactionStatus(l->conn) != PQTRANS_IDLE && script(l, "ROLLBACK") < 0)
        cut(l);
    *l->fault = words;
    end_transaction(l);
}

/* A migration's statements must see what the holder of the lock before it did, so each has a snapshot of its own. */
static int begin(struct db_link *l, enum db_begin kind)
{
    char sql[256];
    l->is_migrating = kind == DB_BEGIN_MIGRATION;
    snprintf(
        sql, sizeof(sql),
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = %d; SELECT pg_advisory_xact_lock(%d); "
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
        PATIENCE_MS, MIGRATION_LOCK);
    int err = script(l, l->is_migrating ? sql : "BEGIN ISOLATION LEVEL REPEATABLE READ");
    if (err < 0) {
        rollback(l);
        return err;
    }
    l->is_in_transaction = true;
    return 0;
}

static int commit(struct db_link *l)
{
    int err = script(l, "COMMIT");
    if (err == 0)
        end_transaction(l);
    return err;
}

/* --- statements --- */

/* The server forgets them the next time something is prepared: now it may be in a failed transaction. */
static void drop(struct db_link *l, struct db_prepared *s)
{
    if (l == NULL) {
        free_prepared(s);
        return;
    }
    s->next = l->dropped;
    l->dropped = s;
}

static int forget_dropped(struct db_link *l)
{
    int err = 0;
    while (l->dropped != NULL && err == 0) {
        char sql[64];
        struct db_prepared *s = l->dropped;
        snprintf(sql, sizeof(sql), "DEALLOCATE %s", s->name);
        err = script(l, sql);
        l->dropped = s->next;
        free_prepared(s);
    }
    return err;
}

static struct db_prepared *new_prepared(struct db_link *l, const char *letters)
{
    size_t count = strlen(letters);
    struct db_prepared *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    snprintf(s->name, sizeof(s->name), "lc%u", ++l->made);
    s->values = calloc(count + 1, sizeof(*s->values));
    s->lengths = calloc(count + 1, sizeof(*s->lengths));
    s->formats = calloc(count + 1, sizeof(*s->formats));
    s->integers = calloc(count + 1, sizeof(*s->integers));
    if (s->values == NULL || s->lengths == NULL || s->formats == NULL || s->integers == NULL) {
        free_prepared(s);
        return NULL;
    }
    for (size_t i = 0; i < count; ++i)
        s->formats[i] = letters[i] != 's' && letters[i] != '?';
    return s;
}

static int send_prepare(struct db_link *l, const struct db_prepared *s, const char *sql, const char *letters)
{
    Oid types[DB_VALUES_MAX];
    size_t count = strlen(letters);
    for (size_t i = 0; i < count; ++i)
        types[i] = letters[i] == 's' ? TYPE_TEXT : letters[i] == 'b' ? TYPE_BYTEA : letters[i] == '?' ? 0 : TYPE_INT8;
    set_deadline(l);
    return finish(l, PQsendPrepare(l->conn, s->name, sql, (int)count, types));
}

static int note_columns(struct db_link *l, struct db_prepared *s, const PGresult *description)
{
    s->columns = PQnfields(description);
    s->types = calloc((size_t)s->columns + 1, sizeof(*s->types));
    if (s->types == NULL)
        return -ENOMEM;
    for (int i = 0; i < s->columns; ++i) {
        s->types[i] = PQftype(description, i);
        if (postgres_letter(s->types[i]) == '?')
            return db_fault_set(l->fault, -EIO, "column %d (%s) is no integer, text or bytes: cast it", i,
                                PQfname(description, i));
    }
    return 0;
}

static int describe(struct db_link *l, struct db_prepared *s)
{
    PGresult *description = NULL;
    set_deadline(l);
    int err = PQsendDescribePrepared(l->conn, s->name) == 1 ? flush(l) : postgres_failed(l, NULL);
    if (err == 0)
        err = next_result(l, &description);
    if (err == 0 && description != NULL)
        err = take(l, description);
    if (err == 0 && description != NULL)
        err = note_columns(l, s, description);
    PQclear(description);
    if (l->is_broken)
        return err;
    int rest = finish(l, 1);
    return err < 0 ? err : rest;
}

static int prepare(struct db_link *l, const char *sql, const char *letters, struct db_prepared **out)
{
    if (!postgres_has_placeholders(sql, strlen(letters)))
        return db_fault_set(l->fault, -EIO, "placeholders must be $1 to $%zu", strlen(letters));
    int err = forget_dropped(l);
    if (err < 0)
        return err;
    struct db_prepared *s = new_prepared(l, letters);
    if (s == NULL)
        return -ENOMEM;
    err = send_prepare(l, s, sql, letters);
    if (err < 0) {
        free_prepared(s);
        return err;
    }
    err = describe(l, s);
    if (err < 0) {
        drop(l, s);
        return err;
    }
    *out = s;
    return 0;
}

static int column_count(const struct db_prepared *s)
{
    return s->columns;
}

static char column_letter(const struct db_prepared *s, int column)
{
    return postgres_letter(s->types[column]);
}

static void bind_one(struct db_prepared *s, size_t i, const struct db_value *v)
{
    s->lengths[i] = (int)v->len;
    s->values[i] = NULL;
    if (v->kind == DB_INT) {
        s->integers[i] = (int64_t)htobe64((uint64_t)v->integer);
        s->values[i] = (const char *)&s->integers[i];
        s->lengths[i] = sizeof(s->integers[i]);
    } else if (v->kind != DB_NULL) {
        s->values[i] = v->kind == DB_BLOB && v->len == 0 ? "" : v->bytes; /* NULL with no length would be SQL NULL */
    }
}

static int start(struct db_link *l, struct db_prepared *s, const struct db_value *values, size_t count, bool is_few)
{
    for (size_t i = 0; i < count; ++i)
        bind_one(s, i, &values[i]);
    set_deadline(l);
    if (PQsendQueryPrepared(l->conn, s->name, (int)count, s->values, s->lengths, s->formats, 1) != 1 ||
        (!is_few && PQsetSingleRowMode(l->conn) != 1))
        return postgres_failed(l, NULL);
    return flush(l);
}

static int step(struct db_link *l, struct db_prepared *s)
{
    if (s->rows != NULL && ++s->at < PQntuples(s->rows))
        return 1;
    PQclear(s->rows);
    s->rows = NULL;
    s->at = 0;
    return next(l, &s->rows);
}

/* Cancelling would need a second connection that may hang as well, so the rest is read: in a transaction however long
 * it is, else for a moment. */
static void abandon(struct db_link *l, struct db_prepared *s)
{
    struct db_fault words = *l->fault;
    int64_t until = clock_steady_ms() + LEFTOVERS_MS;
    if (!l->is_in_transaction)
        l->deadline_ms = until;
    while (!l->is_broken && step(l, s) == 1) {
        if (!l->is_in_transaction && clock_steady_ms() > until)
            cut(l);
    }
    PQclear(s->rows);
    s->rows = NULL;
    *l->fault = words;
}

/* A statement that the server does not know: only its rows are of use. */
static int hold(struct db_link *l, struct db_prepared *s, struct db_prepared **out)
{
    struct db_prepared *held = calloc(1, sizeof(*held));
    PGresult *rows = NULL, *rest = NULL;
    int more = next(l, &rows);
    if (more == 1)
        more = next(l, &rest);
    if (more == 0 && held != NULL) {
        held->rows = rows;
        *out = held;
        return rows == NULL ? 0 : PQntuples(rows);
    }
    PQclear(rows);
    PQclear(rest);
    free(held);
    if (more == 1)
        abandon(l, s);
    return more < 0 ? more : -ENOMEM;
}

static void seek(struct db_prepared *held, int row)
{
    held->at = row;
}

static int64_t changed(const struct db_link *l)
{
    return l->changed;
}

static bool is_null(const struct db_prepared *s, int column)
{
    return PQgetisnull(s->rows, s->at, column) == 1;
}

static int64_t integer(const struct db_prepared *s, int column)
{
    return postgres_integer(PQftype(s->rows, column), (const unsigned char *)PQgetvalue(s->rows, s->at, column),
                            (size_t)PQgetlength(s->rows, s->at, column));
}

static const char *text(const struct db_prepared *s, int column)
{
    return is_null(s, column) ? NULL : PQgetvalue(s->rows, s->at, column);
}

static const void *blob(const struct db_prepared *s, int column, size_t *len)
{
    *len = (size_t)PQgetlength(s->rows, s->at, column);
    return text(s, column);
}

/* The transactions that are still to be seen and those that never will: pg_snapshot's text. */
static int moment(struct db_link *l, char *out, size_t size)
{
    PGresult *row = NULL;
    out[0] = '\0';
    set_deadline(l);
    int sent = PQsendQueryParams(l->conn, "SELECT pg_current_snapshot()", 0, NULL, NULL, NULL, NULL, 0) == 1 &&
               PQsetSingleRowMode(l->conn) == 1;
    int more = sent ? flush(l) : postgres_failed(l, NULL);
    while (more >= 0 && (more = next(l, &row)) == 1) {
        if ((size_t)PQgetlength(row, 0, 0) < size)
            memcpy(out, PQgetvalue(row, 0, 0), (size_t)PQgetlength(row, 0, 0) + 1);
        PQclear(row);
    }
    return more;
}

static const char *const schemes[] = {"psql://", "postgresql://", "postgres://", NULL};

const struct db_driver db_postgres = {
    .dialect = "postgres",
    .schemes = schemes,
    .open = postgres_place_open,
    .close = postgres_place_close,
    .connect = connect_server,
    .disconnect = disconnect,
    .is_alive = is_alive,
    .prepare = prepare,
    .drop = drop,
    .column_count = column_count,
    .column_letter = column_letter,
    .start = start,
    .step = step,
    .abandon = abandon,
    .hold = hold,
    .seek = seek,
    .changed = changed,
    .is_null = is_null,
    .integer = integer,
    .text = text,
    .blob = blob,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .script = script,
    /* Of the schema that tables would be made in, and none that an extension brought along. */
    .tables = "SELECT CAST(c.relname AS TEXT) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
              "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
              "AND c.relname <> 'schema_migrations' AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE "
              "d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') ORDER BY c.relname",
    .moment = moment,
};
