/*
 * One database interface, two drivers (sqlite3, PostgreSQL). SQL is named statements with $1 placeholders, the same
 * text for both; what differs stays inside a driver. A connection is used by one thread at a time.
 * Times are INTEGER/BIGINT microseconds since 1970 UTC, booleans 0/1, so that every column is i, s or b.
 */
#ifndef LC_SHARED_DB_DB_H
#define LC_SHARED_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Errors of every function, as negative errno:
 * -EEXIST unique violated (db_conflict names it) · -ENOKEY a foreign key, CHECK, NOT NULL or column type refused ·
 * -ENOTCONN the database is away (503, try later) · -ETIMEDOUT statement timeout · -EBUSY still busy or unserializable
 * after all retries · -ENOSPC disk full · -EROFS read-only · -E2BIG more than DB_VALUES_MAX values · -EIO anything else
 * (db_error has the server's words) · -ENOMEM.
 */
enum { DB_VALUES_MAX = 1024 }; /* placeholders of one statement */

struct db;      /* where, and a pool of connections; thread-safe */
struct db_conn; /* borrowed by one thread */
struct db_rows;

struct db_options {
    unsigned connections; /* most at a time */
    unsigned
        statement_timeout_ms; /* also sqlite's busy timeout; counts from the start of a statement to its last row */
    /* The process that serves: a second one with this on the same sqlite file is refused, by a lock on <file>.lock held
     * until db_close. Commands that run beside the server leave it off. PostgreSQL ignores it. */
    bool exclusive;
    bool read_only; /* somebody else's database, to read from: nothing is created or changed */
    /* Told how long each statement took, from its start to its first row or end, in microseconds; any thread. NULL. */
    void (*observe)(int64_t microseconds);
};

/* `url`: sqlite:///relative, sqlite:////absolute, psql://… or postgresql://… (libpq's syntax, also ?host=/socket).
 * Opens one connection to see that it works. On error one line in `why`, without password, that says what to do: a
 * second process on one sqlite file, sqlite on a network file system, a path that cannot be created, wrong password. */
int db_open(const char *url, const struct db_options *options, struct db **out, char *why, size_t why_size)
    __attribute__((warn_unused_result));
void db_close(struct db *db);
const char *db_dialect(const struct db *db); /* "sqlite" or "postgres": names the folder of migrations, nothing else */
/* SQL for the names of the tables and views where ours would be made, but for the migrations'. */
const char *db_tables(const struct db *db);

/* For readiness: one trip to the database. 0 or negative, with one line in `why`. */
int db_ping(struct db *db, char *why, size_t why_size) __attribute__((warn_unused_result));
/* Writes something that changes nothing, to see whether it can: 0 or negative, with one line in `why`. It must have
 * been migrated. */
int db_try_write(struct db *db, char *why, size_t why_size) __attribute__((warn_unused_result));
/* For readiness: could it be written, as far as its disk and the last write say; only when that one was refused is
 * another tried. 0, -ENOSPC or -EROFS. */
int db_writable(struct db *db) __attribute__((warn_unused_result));

/* Reads through an sqlite file of up to `most` bytes (0: of any size, as long as it takes) to see whether it is
 * damaged, which statements notice only where they come by. 0, or -EIO with one line in `why` that says what to do. */
int db_intact(struct db *db, int64_t most, char *why, size_t why_size) __attribute__((warn_unused_result));

/* Waits for a free connection up to the statement time-out; reconnects with backoff (0.1 to 5 s, in between
 * -ENOTCONN at once). 0, -ENOTCONN or -ETIMEDOUT. A connection may be kept: it reconnects by itself. */
int db_acquire(struct db *db, struct db_conn **out) __attribute__((warn_unused_result));
void db_release(struct db_conn *c); /* ends a query left open; NULL is fine */

/* Migrations: numbered files embedded at build, sorted by number. Runs the missing ones, each in a transaction, under
 * a lock that other processes respect. -EPROTO: the database is newer than this program. */
struct db_migration {
    int number;
    const char *name, *sql;
};
int db_migrate(struct db *db, const struct db_migration *migrations, size_t count, char *why, size_t why_size)
    __attribute__((warn_unused_result));
/* Where it stands, without changing it: *at is the newest migration that it has, 0: none. -EPROTO as above. */
int db_migrated(struct db *db, const struct db_migration *migrations, size_t count, int *at, char *why, size_t why_size)
    __attribute__((warn_unused_result));

/*
 * params: one letter per placeholder: i int64_t · s const char * (NULL is SQL NULL) · b const void *, size_t (NULL is
 * NULL) · n const int64_t * (NULL is NULL). columns: one letter per result column: i, s, b (any may be NULL).
 */
struct db_statement {
    const char *name, *sql, *params, *columns;
};

/* Rows changed (INSERT … ON CONFLICT DO NOTHING that did nothing: 0), or negative. */
int64_t db_exec(struct db_conn *c, const struct db_statement *st, ...) __attribute__((warn_unused_result));
/* Rows stream: memory does not grow with their number. One open query per connection at a time on either driver: a
 * second is -EIO until the first is read to its end or freed. Errors of running (such as -EEXIST of an INSERT …
 * RETURNING) come from db_step. */
int db_query(struct db_conn *c, struct db_rows **out, const struct db_statement *st, ...)
    __attribute__((warn_unused_result));
int db_step(struct db_rows *r) __attribute__((warn_unused_result)); /* 1 a row, 0 the end, or negative */
void db_rows_free(struct db_rows *r);
/* Columns from 0, of the current row; pointers live until the next step. NULL reads as 0, NULL, NULL. On both databases
 * LIKE minds case and text sorts by bytes. */
bool db_is_null(const struct db_rows *r, int column);
int64_t db_int(const struct db_rows *r, int column);
const char *db_text(const struct db_rows *r, int column);
const void *db_blob(const struct db_rows *r, int column, size_t *len);

/* For lists and partial updates: SQL joined from constant fragments of descriptors (never from input), values bound. */
struct db_value {
    enum { DB_NULL, DB_INT, DB_TEXT, DB_BLOB } kind;
    int64_t integer;
    const void *bytes; /* TEXT: NUL-terminated */
    size_t len;
};
int db_query_values(struct db_conn *c, struct db_rows **out, const char *sql, const struct db_value *values,
                    size_t count) __attribute__((warn_unused_result));
/* The same for a statement whose LIMIT keeps its result small: the driver may hold all of its rows at once, which costs
 * less than taking each from the server by itself. */
int db_query_few(struct db_conn *c, struct db_rows **out, const char *sql, const struct db_value *values, size_t count)
    __attribute__((warn_unused_result));
/* All rows of db_query_few instead of db_step: their number. They are read with db_seek (from 0), and the connection is
 * free meanwhile, so that the database works on the next ones; they may outlive it. -ENOTSUP: rows of this database
 * come one by one, the query is open as before; else negative, ended. */
int db_hold(struct db_rows *r) __attribute__((warn_unused_result));
void db_seek(struct db_rows *r, int row);
int64_t db_exec_values(struct db_conn *c, const char *sql, const struct db_value *values, size_t count)
    __attribute__((warn_unused_result));

/* The integer that SELECT COUNT(*) … gives, remembered for as long as nothing in the database changes: a list's pages
 * are asked for more often than its rows change. Exact; within a transaction always counted. */
int db_count_values(struct db_conn *c, const char *sql, const struct db_value *values, size_t count, int64_t *out)
    __attribute__((warn_unused_result));

/* One row or none in one call: `read` gets the row. 1, 0, or negative (read's own error too). */
int db_one(struct db_conn *c, int (*read)(const struct db_rows *r, void *arg), void *arg, const struct db_statement *st,
           ...) __attribute__((warn_unused_result));

/* Runs body in a writing transaction (sqlite: BEGIN IMMEDIATE; PostgreSQL: REPEATABLE READ or stricter) and commits if
 * it returns >= 0, else rolls back and returns its error. Repeats body (which must not have other effects) on
 * serialization failure, deadlock or busy, with jittered backoff, up to 10 times or for the statement time-out. Do not
 * nest. After any error inside, nothing more runs in this transaction and it cannot commit, even if body returns 0:
 * to try an INSERT and go on, say ON CONFLICT DO NOTHING. */
int db_transaction(struct db_conn *c, int (*body)(struct db_conn *c, void *arg), void *arg)
    __attribute__((warn_unused_result));

/* After -EEXIST: "table.column" or "table.a,b" of the violated constraint. */
const char *db_conflict(const struct db_conn *c);
const char *db_error(const struct db_conn *c);

/* Prepares every statement without running it (tests, start-up self-check): 0 or the first error, named in `why`. */
int db_prepare_all(struct db_conn *c, const struct db_statement *statements, size_t count, char *why, size_t why_size)
    __attribute__((warn_unused_result));

#endif
