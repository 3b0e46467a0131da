/* The `cleanup` command: what lies in archives/ against what the database knows, and the other way round. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"

#define PAGE 500
#define DOUBTFUL                                                                                                       \
    "kept: its row has a file already or one of another size, or it cannot be read as GATEWAY_UID's; compare by hand"

struct cleanup {
    struct storage *storage;
    struct db_conn *conn;
    bool dry_run;
    storage_report report;
    void *arg;
    int error;
    int shelf; /* the directory of archives/ being looked at */
};

static void tell(struct cleanup *k, const char *what, const char *id, const char *done, const char *would)
{
    k->report(k->arg, what, id, k->dry_run ? would : done);
}

/* Is it an upload that this database has never heard of (restored from an older copy, say)? 1, 0 or negative. */
static int is_unheard(struct cleanup *k, const char *id)
{
    struct record_manifest m;
    const char *why;
    int known = db_one(k->conn, NULL, NULL, storage_statement(LEDGER_HAS), id);
    if (known != 0)
        return known < 0 ? known : 0;
    int dir = openat(k->shelf, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int err = dir < 0 ? -errno : store_check(k->storage, dir, id, &m, &why);
    if (dir >= 0)
        close(dir);
    return err == 0 && strcmp(m.method, STORAGE_METHOD_API) != 0;
}

/* Perhaps its row is being written. */
static void tell_young(struct cleanup *k, const char *id, int64_t due)
{
    char said[96], when[32];
    const time_t until = (time_t)due;
    struct tm tm;
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&until, &tm));
    snprintf(said, sizeof(said), "left until %s: younger than RECONCILE_AGE, run it again then", when);
    tell(k, "young", id, said, said);
}

static int on_archive(void *arg, const char *id)
{
    struct cleanup *k = arg;
    struct stat st;
    int known = db_one(k->conn, NULL, NULL, storage_statement(DIRECTORY_KNOWN), id);
    if (known != 0)
        return k->error = known < 0 ? known : 0;
    if (fstatat(k->shelf, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    int64_t due = st.st_ctime + (k->storage->options.reconcile_age_ms + 999) / 1000;
    if (time(NULL) < due) {
        tell_young(k, id, due);
        return 0;
    }
    int unheard = is_unheard(k, id);
    if (unheard < 0)
        return k->error = unheard;
    if (unheard == 1)
        tell(k, "unknown", id, "moved to spool/new, to be filed", "would be moved to spool/new and filed");
    else
        tell(k, "unknown", id, "moved to spool/orphans", "would be moved to spool/orphans");
    struct spool *spool = k->storage->spool;
    int moved = k->dry_run ? 0 : store_move(k->shelf, unheard == 1 ? spool_new_fd(spool) : spool_orphans_fd(spool), id);
    return k->error = moved < 0 ? moved : 0;
}

static int on_shelf(void *arg, int shelf)
{
    struct cleanup *k = arg;
    k->shelf = shelf;
    int err = store_each(shelf, on_archive, k);
    if (err < 0)
        k->error = err;
    return k->error;
}

static int look_at_shelves(struct cleanup *k)
{
    return store_each_shelf(k->storage->archives, on_shelf, k);
}

static int settle_nobodys(struct cleanup *k, const char *id)
{
    struct storage *s = k->storage;
    bool old = reconcile_is_old(spool_orphans_fd(s->spool), id, s->options.orphan_retention_ms);
    tell(k, "orphan", id, old ? "removed: older than ORPHAN_RETENTION" : "kept for ORPHAN_RETENTION",
         old ? "would be removed: older than ORPHAN_RETENTION" : "kept for ORPHAN_RETENTION");
    return old && !k->dry_run ? reconcile_end_orphan(s, id) : 0;
}

/* Told first, so that what is removed has been named whatever happens then. */
static int on_orphan(void *arg, const char *id)
{
    struct cleanup *k = arg;
    int what = orphan_look(k->storage, k->conn, id);
    if (what < 0 || what == ORPHAN_NOBODYS)
        return what < 0 ? what : settle_nobodys(k, id);
    if (what == ORPHAN_DOUBTFUL) {
        tell(k, "orphan", id, DOUBTFUL, DOUBTFUL);
        return 0;
    }
    if (what == ORPHAN_OF_ROW)
        tell(k, "returned", id, "put back to archives/: its row had no file",
             "would be put back to archives/: its row has no file");
    else
        tell(k, "returned", id, "put back to spool/new, to be filed: its ticket is there",
             "would be put back to spool/new and filed: its ticket is there");
    return k->dry_run ? 0 : orphan_return(k->storage, id, (enum orphan)what);
}

static int on_trash(void *arg, const char *id)
{
    struct cleanup *k = arg;
    if (reconcile_is_old(spool_trash_fd(k->storage->spool), id, k->storage->options.reconcile_age_ms))
        tell(k, "trash", id, "removed: older than RECONCILE_AGE", "would be removed: older than RECONCILE_AGE");
    return 0;
}

static int look_at_trash(struct cleanup *k)
{
    int err = store_each(spool_trash_fd(k->storage->spool), on_trash, k);
    return err < 0 || k->dry_run ? err : reconcile_empty(k->storage);
}

static int on_expiring(void *arg, const struct expiring *e)
{
    char done[FILENAME_SIZE + 128], would[FILENAME_SIZE + 160];
    snprintf(done, sizeof(done), "deleted by %s: %s %lld/%s", e->rule, e->platform, (long long)e->number, e->name);
    snprintf(would, sizeof(would), "would be %s", done);
    tell(arg, "expired", e->upload_id, done, would);
    return 0;
}

static int look_at_expired(struct cleanup *k)
{
    struct sweep_outcome out;
    int err = retention_each(k->storage, k->conn, on_expiring, k);
    return err < 0 || k->dry_run ? err : retention_sweep(k->storage, k->conn, k->storage->client, &out);
}

static int on_tmp(void *arg, const char *id)
{
    struct cleanup *k = arg;
    if (!reconcile_is_abandoned(k->storage, id))
        return 0;
    tell(k, "abandoned", id, "moved to spool/trash", "would be moved to spool/trash");
    int moved = k->dry_run ? 0 : store_trash(k->storage, spool_tmp_fd(k->storage->spool), id);
    return moved < 0 ? moved : 0;
}

static int look_at_doomed(struct cleanup *k)
{
    struct db_rows *rows;
    int more, err = db_query(k->conn, &rows, storage_statement(DOOMED), "");
    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1)
        tell(k, "doomed", db_text(rows, 0), "could not be removed yet", "would be removed");
    db_rows_free(rows);
    return more;
}

/* Not if it was deleted meanwhile, nor if a run would have put its file back. */
static bool is_missing(struct cleanup *k, const char *id)
{
    if (k->dry_run && orphan_look(k->storage, k->conn, id) == ORPHAN_OF_ROW)
        return false;
    return db_one(k->conn, NULL, NULL, storage_statement(ARCHIVE_HAS), id) != 0;
}

static void look_at_file(struct cleanup *k, const char *id, int64_t recorded)
{
    char said[160];
    int64_t size = 0;
    int fd = storage_open_archive(k->storage, id, &size);
    if (fd < 0 && is_missing(k, id))
        tell(k, "missing", id, "left: its row has no file", "left: its row has no file");
    if (fd >= 0)
        close(fd);
    if (fd < 0 || size == recorded)
        return;
    snprintf(said, sizeof(said), "left: its file has %lld bytes, its row says %lld; restore it from a backup",
             (long long)size, (long long)recorded);
    tell(k, "damaged", id, said, said);
}

static int look_at_rows(struct cleanup *k)
{
    int64_t after = 0, ids[PAGE], sizes[PAGE];
    char uploads[PAGE][STORAGE_ID_SIZE];
    size_t count;
    do {
        struct db_rows *rows;
        int more, err = db_query(k->conn, &rows, storage_statement(ARCHIVES_PAGE), after);
        if (err < 0)
            return err;
        for (count = 0; (more = db_step(rows)) == 1 && count < PAGE; ++count) {
            ids[count] = db_int(rows, 0);
            snprintf(uploads[count], STORAGE_ID_SIZE, "%s", db_text(rows, 1));
            sizes[count] = db_int(rows, 2);
        }
        db_rows_free(rows);
        if (more < 0)
            return more;
        for (size_t i = 0; i < count; ++i) {
            look_at_file(k, uploads[i], sizes[i]);
            after = ids[i];
        }
    } while (count == PAGE);
    return 0;
}

/* What the service itself would do: else its work in progress looks lost. */
static int catch_up(struct cleanup *k)
{
    struct sweep_outcome filed, removed;
    (void)filing_sweep(k->storage, k->conn, 0, 0, &filed);
    if (filed.error < 0)
        k->report(k->arg, "unfiled", filed.upload_id, filed.why);
    (void)deletion_sweep(k->storage, k->conn, 0, &removed);
    return filed.error == -ENOTCONN || removed.error == -ENOTCONN ? -ENOTCONN : 0; /* a bad upload does not end it */
}

int storage_cleanup(struct storage *s, struct db_conn *c, bool dry_run, storage_report report, void *arg)
{
    struct cleanup k = {.storage = s, .conn = c, .dry_run = dry_run, .report = report, .arg = arg};
    char why[256];
    int err = clock_check(s, c, s->client, why, sizeof(why));
    if (err == -ETIME)
        report(arg, "clock", "-", why);
    if (err == 0) /* before anything else joins them */
        err = store_each(spool_orphans_fd(s->spool), on_orphan, &k);
    if (err == 0 && !dry_run)
        err = catch_up(&k);
    if (err == 0)
        err = look_at_expired(&k);
    if (err == 0)
        err = look_at_shelves(&k);
    if (err == 0 && !dry_run)
        err = catch_up(&k);
    if (err == 0)
        err = look_at_doomed(&k);
    if (err == 0)
        err = store_each(spool_tmp_fd(s->spool), on_tmp, &k);
    if (err == 0)
        err = look_at_trash(&k);
    return err < 0 ? err : look_at_rows(&k);
}
