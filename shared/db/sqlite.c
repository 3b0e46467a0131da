/* The sqlite3 driver: one local file in WAL mode, many connections, one writer at a time; see driver.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shared/db/driver.h"

#define SCHEME         "sqlite:///"
#define PROGRESS_STEPS 20000 /* virtual machine steps between looks at the clock */

struct place {
    char *path;
    int lock; /* held while the service lives; -1: none */
};

struct cached {
    struct cached *next;
    const struct db_statement *st;
    sqlite3_stmt *stmt;
    bool in_use;
};

struct sqlite_conn {
    struct db_conn base;
    sqlite3 *handle;
    struct cached *cache;
};

struct sqlite_rows {
    struct db_rows base;
    sqlite3_stmt *stmt;
    struct cached *cached; /* NULL: finalized at the end */
};

static struct sqlite_conn *conn_of(struct db_conn *c)
{
    return (struct sqlite_conn *)(void *)c;
}

/* --- errors --- */

/* "UNIQUE constraint failed: archives.ticket_id, archives.name" → "archives.ticket_id,name". */
static void note_conflict(struct db_conn *c, const char *message)
{
    const char *p = strstr(message, "failed: ");
    size_t n = 0, table = 0;
    if (p == NULL)
        return;
    p += 8;
    table = strcspn(p, ".") + 1;
    for (const char *at = p; *at != '\0' && n + 1 < sizeof(c->conflict); ++at) {
        if (*at == ' ')
            continue;
        if (at > p && at[-1] == ' ' && strncmp(at, p, table) == 0)
            at += table;
        c->conflict[n++] = *at;
    }
    c->conflict[n] = '\0';
}

static int error_of(struct db_conn *c, int rc)
{
    const char *message = sqlite3_errmsg(conn_of(c)->handle);
    snprintf(c->error, sizeof(c->error), "%s", message);
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CONSTRAINT:
        if (rc != SQLITE_CONSTRAINT_UNIQUE && rc != SQLITE_CONSTRAINT_PRIMARYKEY && rc != SQLITE_CONSTRAINT_ROWID)
            return -ENOKEY;
        note_conflict(c, message);
        return -EEXIST;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_INTERRUPT:
        return -ETIMEDOUT;
    case SQLITE_NOMEM:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

/* --- the place --- */

static bool claims(const char *url)
{
    return strncmp(url, SCHEME, strlen(SCHEME)) == 0;
}

/* Locks and shared memory of WAL do not work over the network. */
static bool is_network(long type)
{
    static const unsigned long types[] = {NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
                                          AFS_SUPER_MAGIC, V9FS_MAGIC,      FUSE_SUPER_MAGIC, 0x00c36400 /* ceph */};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); ++i)
        if ((unsigned long)type == types[i])
            return true;
    return false;
}

static int check_directory(const char *path, char *why, size_t why_size)
{
    char directory[4096];
    struct statfs fs;
    snprintf(directory, sizeof(directory), "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash == NULL)
        snprintf(directory, sizeof(directory), ".");
    else
        slash[slash == directory ? 1 : 0] = '\0';
    if (statfs(directory, &fs) < 0) {
        int err = -errno;
        snprintf(why, why_size, "%.200s: %s: make the directory or name another", directory, strerror(-err));
        return err;
    }
    if (is_network(fs.f_type)) {
        snprintf(why, why_size,
                 "%.200s is on a network file system, where sqlite loses data: use a local disk or PostgreSQL",
                 directory);
        return -ENOTSUP;
    }
    if (access(directory, W_OK) < 0) {
        snprintf(why, why_size, "%.200s is not writable for this user", directory);
        return -EACCES;
    }
    return 0;
}

static int take_lock(struct place *p, char *why, size_t why_size)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s.lock", p->path);
    p->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (p->lock < 0) {
        int err = -errno;
        snprintf(why, why_size, "%.200s: %s", path, strerror(-err));
        return err;
    }
    if (flock(p->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    snprintf(why, why_size, "another admin-api already serves %.200s: stop it first, or use PostgreSQL for several",
             p->path);
    return -EADDRINUSE;
}

static void close_place(struct db *db)
{
    struct place *p = db->place;
    if (p == NULL)
        return;
    if (p->lock >= 0)
        close(p->lock);
    free(p->path);
    free(p);
}

static int open_place(struct db *db, const char *url, char *why, size_t why_size)
{
    struct place *p = calloc(1, sizeof(*p));
    if (p == NULL || (p->path = strdup(url + strlen(SCHEME))) == NULL) {
        free(p);
        return -ENOMEM;
    }
    p->lock = -1;
    db->place = p;
    if (p->path[0] == '\0') {
        snprintf(why, why_size, "the path is missing: sqlite:///file or sqlite:////directory/file");
        return -EINVAL;
    }
    int err = check_directory(p->path, why, why_size);
    return err == 0 && db->options.exclusive ? take_lock(p, why, why_size) : err;
}

/* --- connections --- */

static int on_progress(void *arg)
{
    const struct db_conn *c = arg;
    return c->deadline_ms != 0 && db_clock_ms() > c->deadline_ms;
}

static void disconnect(struct db_conn *c)
{
    struct sqlite_conn *s = conn_of(c);
    while (s->cache != NULL) {
        struct cached *one = s->cache;
        s->cache = one->next;
        sqlite3_finalize(one->stmt);
        free(one);
    }
    sqlite3_close_v2(s->handle);
    free(s);
}

static int run_script(struct db_conn *c, const char *sql)
{
    int rc = sqlite3_exec(conn_of(c)->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : error_of(c, rc);
}

static int connect_file(struct db *db, struct db_conn **out, char *why, size_t why_size)
{
    const struct place *p = db->place;
    struct sqlite_conn *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    s->base.db = db;
    int fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* sqlite would make it readable for all */
    if (fd >= 0)
        close(fd);
    int rc =
        sqlite3_open_v2(p->path, &s->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    int err = rc == SQLITE_OK ? 0 : error_of(&s->base, rc);
    if (err == 0) {
        sqlite3_busy_timeout(s->handle, (int)db->options.statement_timeout_ms);
        err = run_script(&s->base, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                                   "PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY");
    }
    if (err < 0) {
        snprintf(why, why_size, "%.200s: %.200s", p->path, s->base.error);
        disconnect(&s->base);
        return err;
    }
    sqlite3_progress_handler(s->handle, PROGRESS_STEPS, on_progress, &s->base);
    *out = &s->base;
    return 0;
}

/* --- statements --- */

static int prepare_text(struct db_conn *c, const char *sql, sqlite3_stmt **out)
{
    int rc = sqlite3_prepare_v3(conn_of(c)->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return rc == SQLITE_OK ? 0 : error_of(c, rc);
}

static int find_statement(struct db_conn *c, const struct db_statement *st, struct cached **out)
{
    struct sqlite_conn *s = conn_of(c);
    struct cached *one = s->cache;
    while (one != NULL && (one->st != st || one->in_use))
        one = one->next;
    if (one == NULL) {
        one = calloc(1, sizeof(*one));
        if (one == NULL)
            return -ENOMEM;
        int err = prepare_text(c, st->sql, &one->stmt);
        if (err < 0) {
            free(one);
            return err;
        }
        one->st = st;
        one->next = s->cache;
        s->cache = one;
    }
    *out = one;
    return 0;
}

static int prepare(struct db_conn *c, const struct db_statement *st)
{
    struct cached *unused;
    int err = find_statement(c, st, &unused);
    if (err < 0)
        return err;
    int have = sqlite3_bind_parameter_count(unused->stmt), columns = sqlite3_column_count(unused->stmt);
    if (have == (int)strlen(st->params) && columns == (int)strlen(st->columns))
        return 0;
    snprintf(c->error, sizeof(c->error), "it has %d parameters and %d columns", have, columns);
    return -EINVAL;
}

static int bind_one(sqlite3_stmt *stmt, size_t number, const struct db_value *v)
{
    char name[16];
    snprintf(name, sizeof(name), "$%zu", number);
    int index = sqlite3_bind_parameter_index(stmt, name);
    if (index == 0)
        return SQLITE_OK; /* given but not used by this text */
    switch (v->kind) {
    case DB_INT:
        return sqlite3_bind_int64(stmt, index, v->integer);
    case DB_TEXT:
        return sqlite3_bind_text64(stmt, index, v->bytes, v->len, SQLITE_TRANSIENT, SQLITE_UTF8);
    case DB_BLOB:
        return sqlite3_bind_blob64(stmt, index, v->len > 0 ? v->bytes : "", v->len, SQLITE_TRANSIENT);
    case DB_NULL:
        break;
    }
    return sqlite3_bind_null(stmt, index);
}

static void rows_free(struct db_rows *rows)
{
    struct sqlite_rows *r = (struct sqlite_rows *)(void *)rows;
    if (r->cached != NULL) {
        sqlite3_reset(r->stmt);
        sqlite3_clear_bindings(r->stmt);
        r->cached->in_use = false;
    } else {
        sqlite3_finalize(r->stmt);
    }
    free(r);
}

static int query(struct db_conn *c, struct db_rows **out, const struct db_statement *st, const char *sql,
                 const struct db_value *values, size_t count)
{
    struct sqlite_rows *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return -ENOMEM;
    r->base.conn = c;
    int err = st != NULL ? find_statement(c, st, &r->cached) : prepare_text(c, sql, &r->stmt);
    if (err < 0) {
        free(r);
        return err;
    }
    if (r->cached != NULL) {
        r->stmt = r->cached->stmt;
        r->cached->in_use = true;
    }
    for (size_t i = 0; i < count && err == 0; ++i) {
        int rc = bind_one(r->stmt, i + 1, values + i);
        err = rc == SQLITE_OK ? 0 : error_of(c, rc);
    }
    if (err < 0) {
        rows_free(&r->base);
        return err;
    }
    *out = &r->base;
    return 0;
}

static int step(struct db_rows *rows)
{
    struct sqlite_rows *r = (struct sqlite_rows *)(void *)rows;
    sqlite3 *handle = conn_of(rows->conn)->handle;
    int rc = sqlite3_step(r->stmt);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc != SQLITE_DONE)
        return error_of(rows->conn, rc);
    rows->changed = sqlite3_stmt_readonly(r->stmt) ? 0 : sqlite3_changes64(handle);
    return 0;
}

static void column(const struct db_rows *rows, int i, struct db_value *out)
{
    const struct sqlite_rows *r = (const struct sqlite_rows *)(const void *)rows;
    switch (sqlite3_column_type(r->stmt, i)) {
    case SQLITE_NULL:
        *out = (struct db_value){.kind = DB_NULL};
        return;
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
        *out = (struct db_value){.kind = DB_INT, .integer = sqlite3_column_int64(r->stmt, i)};
        return;
    case SQLITE_BLOB:
        out->kind = DB_BLOB;
        out->bytes = sqlite3_column_blob(r->stmt, i);
        break;
    default:
        out->kind = DB_TEXT;
        out->bytes = sqlite3_column_text(r->stmt, i);
        break;
    }
    out->len = (size_t)sqlite3_column_bytes(r->stmt, i);
}

const struct db_driver sqlite_driver = {
    .dialect = "sqlite",
    .claims = claims,
    .open = open_place,
    .close = close_place,
    .connect = connect_file,
    .disconnect = disconnect,
    .query = query,
    .step = step,
    .rows_free = rows_free,
    .column = column,
    .script = run_script,
    .begin = "BEGIN IMMEDIATE",
    .prepare = prepare,
};
