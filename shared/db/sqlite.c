/*
 * The sqlite3 driver: one local file in WAL mode, many connections, one writer at a time. The only file that calls
 * sqlite.
 */
#include "shared/db/sqlite.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/clock/clock.h"
#include "shared/db/sqlite_case.h"

enum {
    PROGRESS_STEPS = 4000, /* of the virtual machine between looks at the clock: some 50 us */
    PATIENCE_MS = 600000,  /* of a migration, for another process's */
};

/* LIKE minds case as it does in PostgreSQL; a log that grew in a burst is cut back. */
static const char settings[] = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                               "PRAGMA case_sensitive_like = ON; PRAGMA journal_size_limit = 67108864";

struct db_link {
    struct db_place *place;
    struct db_fault *fault;
    sqlite3 *handle;
    int64_t deadline_ms; /* of the running statement, monotonic; 0: none */
    int64_t changes_before, changed;
    bool is_writing, is_migrating;
};

struct db_prepared {
    sqlite3_stmt *stmt;
    size_t count;
    int index[]; /* sqlite's number of placeholder $1, $2, … */
};

/* "UNIQUE constraint failed: archives.ticket_id, archives.name" → "archives.ticket_id,name". */
static void note_conflict(struct db_fault *f, const char *message)
{
    const char *p = strstr(message, ": ");
    size_t n = 0, table = 0;
    f->conflict[0] = '\0';
    for (p = p == NULL ? NULL : p + 2; p != NULL && n < sizeof(f->conflict); p = p[0] == ',' ? p + 2 : NULL) {
        size_t len = strcspn(p, ",");
        size_t skip = n == 0 ? 0 : table < len ? table : len;
        table = n == 0 ? strcspn(p, ".") + 1 : table;
        int wrote = snprintf(f->conflict + n, sizeof(f->conflict) - n, "%s%.*s", n == 0 ? "" : ",", (int)(len - skip),
                             p + skip);
        n += (size_t)wrote;
        p += len;
    }
}

static const struct {
    int rc, err;
} classes[] = {
    {SQLITE_BUSY, -EBUSY},   {SQLITE_LOCKED, -EBUSY},      {SQLITE_PROTOCOL, -EBUSY}, {SQLITE_CONSTRAINT, -ENOKEY},
    {SQLITE_FULL, -ENOSPC},  {SQLITE_READONLY, -EROFS},    {SQLITE_PERM, -EROFS},     {SQLITE_INTERRUPT, -ETIMEDOUT},
    {SQLITE_NOMEM, -ENOMEM}, {SQLITE_CANTOPEN, -ENOTCONN},
};

static int class_of(const struct db_link *l, int rc)
{
    bool is_of_disk = (rc & 0xff) == SQLITE_IOERR;
    int reason = is_of_disk ? sqlite3_system_errno(l->handle) : 0;
    if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID)
        return -EEXIST;
    if (reason == ENOSPC || reason == EDQUOT || (is_of_disk && sqlite_place_is_full(l->place)))
        return -ENOSPC;
    if (reason == EROFS)
        return -EROFS;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); ++i) {
        if ((rc & 0xff) == classes[i].rc)
            return classes[i].err;
    }
    return -EIO;
}

/* What to do about it, where the words say only what it is. */
static const char *advice(int rc, int err)
{
    if (err == -ENOSPC)
        return ": no room is left on its disk, make some";
    if ((rc & 0xff) == SQLITE_NOTADB)
        return ": name another file in the database URL, or restore a backup of it with deploy/restore";
    return (rc & 0xff) == SQLITE_CORRUPT ? ": restore a backup of it with deploy/restore" : "";
}

static int failed(struct db_link *l, int rc)
{
    const char *message = l->handle == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(l->handle);
    int err = class_of(l, rc);
    if (err == -EEXIST)
        note_conflict(l->fault, message);
    if (err == -ETIMEDOUT)
        return db_fault_set(l->fault, err, "the statement took longer than %u ms", l->place->timeout_ms);
    return db_fault_set(l->fault, err, "%s%s", message, advice(rc, err));
}

static int on_progress(void *arg)
{
    const struct db_link *l = arg;
    return l->deadline_ms != 0 && clock_steady_ms() > l->deadline_ms;
}

/* --- who writes --- */

static int lock_writer(struct db_link *l)
{
    struct db_place *p = l->place;
    struct timespec deadline = clock_steady_in(l->is_migrating ? PATIENCE_MS : p->timeout_ms);
    int err = 0;

    pthread_mutex_lock(&p->writing);
    while (p->has_writer && err == 0)
        err = pthread_cond_timedwait(&p->written, &p->writing, &deadline);
    l->is_writing = !p->has_writer;
    p->has_writer = true;
    pthread_mutex_unlock(&p->writing);
    return l->is_writing ? 0 : db_fault_set(l->fault, -EBUSY, "another connection has been writing for too long");
}

static void unlock_writer(struct db_link *l)
{
    struct db_place *p = l->place;

    if (!l->is_writing)
        return;
    l->is_writing = false;
    pthread_mutex_lock(&p->writing);
    p->has_writer = false;
    pthread_cond_signal(&p->written);
    pthread_mutex_unlock(&p->writing);
}

static int script(struct db_link *l, const char *sql)
{
    int rc = sqlite3_exec(l->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : failed(l, rc);
}

static void end_transaction(struct db_link *l)
{
    unlock_writer(l);
    if (l->is_migrating)
        sqlite3_busy_timeout(l->handle, (int)l->place->timeout_ms);
    l->is_migrating = false;
}

static void rollback(struct db_link *l)
{
    struct db_fault words = *l->fault; /* of the cause, not of this */
    if (!sqlite3_get_autocommit(l->handle))
        (void)script(l, "ROLLBACK");
    *l->fault = words;
    end_transaction(l);
}

static int begin(struct db_link *l, enum db_begin kind)
{
    l->is_migrating = kind == DB_BEGIN_MIGRATION;
    if (l->is_migrating)
        sqlite3_busy_timeout(l->handle, PATIENCE_MS);
    int err = lock_writer(l);
    if (err == 0)
        err = script(l, "BEGIN IMMEDIATE");
    if (err < 0)
        end_transaction(l);
    return err;
}

static int commit(struct db_link *l)
{
    int err = script(l, "COMMIT");
    if (err == 0)
        end_transaction(l);
    return err;
}

/* --- links --- */

static void disconnect(struct db_link *l)
{
    unlock_writer(l);
    sqlite3_close_v2(l->handle);
    free(l);
}

/* Two processes that do this at once to a new file get SQLITE_BUSY without the busy time-out. */
static int set_wal(struct db_link *l)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    int64_t until = clock_steady_ms() + (int64_t)l->place->timeout_ms;
    int err;
    while ((err = script(l, "PRAGMA journal_mode = WAL")) == -EBUSY && clock_steady_ms() < until)
        nanosleep(&pause, NULL);
    return err;
}

static int connect_file(struct db_place *p, struct db_fault *fault, struct db_link **out)
{
    struct db_link *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return -ENOMEM;
    l->place = p;
    l->fault = fault;
    /* Not to be created: a file that went away is an outage, not a new database. */
    int rc = sqlite3_open_v2(p->path, &l->handle,
                             (p->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_EXRESCODE,
                             NULL);
    if (rc == SQLITE_OK)
        rc = sqlite_case_add(l->handle);
    int err = rc == SQLITE_OK ? 0 : failed(l, rc);
    if (err == 0) {
        sqlite3_busy_timeout(l->handle, (int)p->timeout_ms);
        err = p->read_only ? 0 : set_wal(l);
    }
    if (err == 0)
        err = script(l, settings);
    if (err < 0) {
        char words[sizeof(fault->error)];
        memcpy(words, fault->error, sizeof(words));
        disconnect(l);
        return db_fault_set(fault, err, "%s: %.200s", p->path, words);
    }
    sqlite3_progress_handler(l->handle, PROGRESS_STEPS, on_progress, l);
    *out = l;
    return 0;
}

static bool is_alive(struct db_link *l)
{
    return l->handle != NULL;
}

/* --- statements --- */

static void drop(struct db_link *l, struct db_prepared *s)
{
    (void)l;
    sqlite3_finalize(s->stmt);
    free(s);
}

static int find_placeholders(struct db_link *l, struct db_prepared *s)
{
    int have = sqlite3_bind_parameter_count(s->stmt);
    if (have != (int)s->count)
        return db_fault_set(l->fault, -EIO, "%zu values for %d placeholders", s->count, have);
    for (int i = 1; i <= have; ++i) {
        const char *name = sqlite3_bind_parameter_name(s->stmt, i);
        unsigned long number = name != NULL && name[0] == '$' ? strtoul(name + 1, NULL, 10) : 0;
        if (number == 0 || number > s->count || s->index[number - 1] != 0)
            return db_fault_set(l->fault, -EIO, "placeholders must be $1 to $%zu", s->count);
        s->index[number - 1] = i;
    }
    return 0;
}

static int prepare(struct db_link *l, const char *sql, const char *letters, struct db_prepared **out)
{
    size_t count = strlen(letters);
    struct db_prepared *s = calloc(1, sizeof(*s) + count * sizeof(s->index[0]));
    if (s == NULL)
        return -ENOMEM;
    s->count = count;
    int rc = sqlite3_prepare_v3(l->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt, NULL);
    int err = rc == SQLITE_OK ? find_placeholders(l, s) : failed(l, rc);
    if (err < 0) {
        drop(l, s);
        return err;
    }
    *out = s;
    return 0;
}

static int column_count(const struct db_prepared *s)
{
    return sqlite3_column_count(s->stmt);
}

static char column_letter(const struct db_prepared *s, int column)
{
    static const struct {
        const char *type;
        char letter;
    } types[] = {{"INTEGER", 'i'}, {"BIGINT", 'i'}, {"TEXT", 's'}, {"BLOB", 'b'}};
    const char *type = sqlite3_column_decltype(s->stmt, column);
    for (size_t i = 0; type != NULL && i < sizeof(types) / sizeof(types[0]); ++i) {
        if (strcmp(type, types[i].type) == 0)
            return types[i].letter;
    }
    return '\0';
}

static int bind_one(const struct db_prepared *s, size_t i, const struct db_value *v)
{
    switch (v->kind) {
    case DB_INT:
        return sqlite3_bind_int64(s->stmt, s->index[i], v->integer);
    case DB_TEXT:
        return sqlite3_bind_text(s->stmt, s->index[i], v->bytes, -1, SQLITE_TRANSIENT);
    case DB_BLOB: /* NULL with no length would be SQL NULL */
        return sqlite3_bind_blob64(s->stmt, s->index[i], v->len > 0 ? v->bytes : "", v->len, SQLITE_TRANSIENT);
    case DB_NULL:
        break;
    }
    return sqlite3_bind_null(s->stmt, s->index[i]);
}

static void end_statement(struct db_link *l, struct db_prepared *s)
{
    sqlite3_reset(s->stmt);
    sqlite3_clear_bindings(s->stmt);
    l->deadline_ms = 0;
    if (sqlite3_get_autocommit(l->handle) && !l->is_migrating)
        unlock_writer(l);
}

static int start(struct db_link *l, struct db_prepared *s, const struct db_value *values, size_t count, bool is_few)
{
    int err = 0;
    (void)is_few; /* rows cost nothing but their making */
    if (!sqlite3_stmt_readonly(s->stmt) && !l->is_writing && (err = lock_writer(l)) < 0)
        return err;
    for (size_t i = 0; i < count && err == 0; ++i) {
        int rc = bind_one(s, i, &values[i]);
        err = rc == SQLITE_OK ? 0 : failed(l, rc);
    }
    if (err < 0) {
        end_statement(l, s);
        return err;
    }
    l->deadline_ms = l->is_migrating ? 0 : clock_steady_ms() + (int64_t)l->place->timeout_ms;
    l->changes_before = sqlite3_total_changes64(l->handle);
    l->changed = 0;
    return 0;
}

static int step(struct db_link *l, struct db_prepared *s)
{
    int rc = sqlite3_step(s->stmt);
    if (rc == SQLITE_ROW)
        return 1;
    int err = rc == SQLITE_DONE ? 0 : failed(l, rc);
    /* sqlite3_changes keeps the number of the last statement that changed something. */
    if (err == 0 && sqlite3_total_changes64(l->handle) != l->changes_before)
        l->changed = sqlite3_changes64(l->handle);
    end_statement(l, s);
    return err;
}

static int64_t changed(const struct db_link *l)
{
    return l->changed;
}

static bool is_null(const struct db_prepared *s, int column)
{
    return sqlite3_column_type(s->stmt, column) == SQLITE_NULL;
}

static int64_t integer(const struct db_prepared *s, int column)
{
    return sqlite3_column_int64(s->stmt, column);
}

static const char *text(const struct db_prepared *s, int column)
{
    return (const char *)sqlite3_column_text(s->stmt, column);
}

static const void *blob(const struct db_prepared *s, int column, size_t *len)
{
    const void *bytes = sqlite3_column_blob(s->stmt, column);
    *len = (size_t)sqlite3_column_bytes(s->stmt, column);
    return bytes == NULL && !is_null(s, column) ? "" : bytes; /* an empty blob is not NULL */
}

/* Without a deadline: this version of sqlite looks at none while it goes through a tree. */
static int intact(struct db_link *l)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(l->handle, "PRAGMA quick_check(1)", -1, &s, NULL);
    int err = rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW ? 0 : failed(l, rc);
    const char *said = err == 0 ? (const char *)sqlite3_column_text(s, 0) : NULL;
    if (said != NULL && strcmp(said, "ok") != 0)
        err = db_fault_set(l->fault, -EIO, "the file is damaged (%.200s)%s", said, advice(SQLITE_CORRUPT, -EIO));
    sqlite3_finalize(s);
    return err;
}

/* --- moments --- */

static int watch(struct db_place *p)
{
    if (p->watcher != NULL)
        return 0;
    int err = connect_file(p, &p->watcher_fault, &p->watcher);
    if (err == 0 && (err = prepare(p->watcher, "PRAGMA data_version", "", &p->version)) < 0) {
        disconnect(p->watcher);
        p->watcher = NULL;
    }
    return err;
}

static int moment(struct db_link *l, char *out, size_t size)
{
    struct db_place *p = l->place;
    out[0] = '\0';
    pthread_mutex_lock(&p->watching);
    int err = watch(p);
    if (err == 0)
        err = start(p->watcher, p->version, NULL, 0, true);
    if (err == 0 && (err = step(p->watcher, p->version)) == 1) {
        snprintf(out, size, "%lld", (long long)integer(p->version, 0));
        end_statement(p->watcher, p->version);
        err = 0;
    }
    if (err < 0)
        *l->fault = p->watcher_fault;
    pthread_mutex_unlock(&p->watching);
    return err;
}

static void close_place(struct db_place *p)
{
    if (p->watcher != NULL) {
        drop(p->watcher, p->version);
        disconnect(p->watcher);
    }
    sqlite_place_close(p);
}

static const char *const schemes[] = {"sqlite:///", NULL};

const struct db_driver db_sqlite = {
    .dialect = "sqlite",
    .schemes = schemes,
    .open = sqlite_place_open,
    .close = close_place,
    .connect = connect_file,
    .disconnect = disconnect,
    .is_alive = is_alive,
    .prepare = prepare,
    .drop = drop,
    .column_count = column_count,
    .column_letter = column_letter,
    .start = start,
    .step = step,
    .abandon = end_statement,
    .changed = changed,
    .is_null = is_null,
    .integer = integer,
    .text = text,
    .blob = blob,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .script = script,
    .disk = sqlite_place_disk,
    .size = sqlite_place_size,
    .intact = intact,
    .tables = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND substr(name, 1, 7) <> 'sqlite_' "
              "AND name <> 'schema_migrations' ORDER BY name",
    .moment = moment,
};
