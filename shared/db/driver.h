/*
 * What a database driver does; the core (pool, conn, transaction, migrate) does the rest. Only sqlite*.c and
 * postgres*.c know a dialect. Errors as in db.h, words into the fault that the link was opened with.
 */
#ifndef LC_SHARED_DB_DRIVER_H
#define LC_SHARED_DB_DRIVER_H

#include "shared/db/db.h"

struct db_place;    /* a driver's own: where the database is, shared by its links; thread-safe */
struct db_link;     /* a driver's own: one connection */
struct db_prepared; /* a driver's own: one prepared statement of a link */

struct db_fault {
    char error[512];    /* one line, no password */
    char conflict[192]; /* after -EEXIST: table.column,column */
};

enum db_begin {
    DB_BEGIN_WRITE,
    DB_BEGIN_MIGRATION /* alone among all processes, without statement time-out */
};

struct db_driver {
    const char *dialect;
    const char *const *schemes; /* of URLs, NULL at the end */

    /* Takes the URL apart and checks what can be checked without connecting. */
    int (*open)(const char *url, const struct db_options *options, struct db_place **out, char *why, size_t why_size);
    void (*close)(struct db_place *p);

    int (*connect)(struct db_place *p, struct db_fault *fault, struct db_link **out);
    void (*disconnect)(struct db_link *l); /* the prepared statements are gone with it, except their memory: drop */
    bool (*is_alive)(struct db_link *l);   /* without a round trip */

    /* `letters`: one of i s b n per value, ? for an untyped NULL. -EIO if the SQL has not exactly these placeholders.
     */
    int (*prepare)(struct db_link *l, const char *sql, const char *letters, struct db_prepared **out);
    void (*drop)(struct db_link *l, struct db_prepared *s); /* l NULL: its link is gone */
    int (*column_count)(const struct db_prepared *s);
    char (*column_letter)(const struct db_prepared *s, int column); /* i s b, or 0 unknown */

    /* is_few: all rows of the result may be in memory at once. */
    int (*start)(struct db_link *l, struct db_prepared *s, const struct db_value *values, size_t count, bool is_few);
    int (*step)(struct db_link *l, struct db_prepared *s);     /* 1 a row, 0 the end, negative: ended too */
    void (*abandon)(struct db_link *l, struct db_prepared *s); /* before the end */
    /* All rows of a statement started with is_few, before its first step: their number, and `out` to read them from
     * with seek and the functions below until drop(NULL, out). The statement is at its end. NULL: not on this database.
     */
    int (*hold)(struct db_link *l, struct db_prepared *s, struct db_prepared **out);
    void (*seek)(struct db_prepared *held, int row);
    int64_t (*changed)(const struct db_link *l); /* by the statement that ended */

    bool (*is_null)(const struct db_prepared *s, int column);
    int64_t (*integer)(const struct db_prepared *s, int column);
    const char *(*text)(const struct db_prepared *s, int column);
    const void *(*blob)(const struct db_prepared *s, int column, size_t *len);

    int (*begin)(struct db_link *l, enum db_begin kind);
    int (*commit)(struct db_link *l);
    void (*rollback)(struct db_link *l);               /* also after the server did it by itself */
    int (*script)(struct db_link *l, const char *sql); /* several statements, in a transaction */

    /* What the file system says of itself: 0, -ENOSPC or -EROFS. NULL: it is not ours to see. */
    int (*disk)(const struct db_place *p);

    /* The names of the tables and views where ours would be made, but for the migrations', sorted. */
    const char *tables;

    /* Both NULL: its server sees to that. Bytes of the database, and whether they fit together: 0, or negative. */
    int64_t (*size)(const struct db_place *p);
    int (*intact)(struct db_link *l);

    /* What everybody sees of the database now, outside a transaction: between two equal texts nothing was committed.
     * Empty: it cannot be told. */
    int (*moment)(struct db_link *l, char *out, size_t size);
};

extern const struct db_driver db_sqlite;
extern const struct db_driver db_postgres;

/* For drivers: one line into the fault; returns err. */
int db_fault_set(struct db_fault *f, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
