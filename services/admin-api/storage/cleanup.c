/* The `cleanup` command: what lies in archives/ against what the database knows, and the other way round. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"

#define PAGE 500

struct cleanup {
    struct storage *storage;
    struct db_conn *conn;
    bool dry_run;
    storage_report report;
    void *arg;
    int error;
};

static void tell(struct cleanup *k, const char *what, const char *id, const char *done, const char *would)
{
    k->report(k->arg, what, id, k->dry_run ? would : done);
}

/* A directory no row knows: an archive filed or stored just before a crash of the database's disk, or a stray copy. */
static int on_archive(void *arg, const char *id)
{
    struct cleanup *k = arg;
    int known = db_one(k->conn, NULL, NULL, storage_statement(ARCHIVE_HAS), id);
    if (known < 0)
        return k->error = known;
    if (known == 1)
        return 0;
    tell(k, "unknown", id, "moved to spool/orphans", "would be moved to spool/orphans");
    if (k->dry_run)
        return 0;
    char shelf[3] = {id[0], id[1], '\0'};
    int from = openat(k->storage->archives, shelf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = from < 0 ? -errno : store_move(from, spool_orphans_fd(k->storage->spool), id);
    if (from >= 0)
        close(from);
    return k->error = err;
}

static int look_at_shelves(struct cleanup *k)
{
    for (int i = 0; i < 256 && k->error == 0; ++i) {
        char shelf[3];
        snprintf(shelf, sizeof(shelf), "%02x", (unsigned)i);
        int fd = openat(k->storage->archives, shelf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            continue;
        int err = store_each(fd, on_archive, k);
        close(fd);
        if (err < 0 && k->error == 0)
            k->error = err;
    }
    return k->error;
}

static int on_orphan(void *arg, const char *id)
{
    tell(arg, "orphan", id, "kept until ORPHAN_RETENTION", "kept until ORPHAN_RETENTION");
    return 0;
}

static int look_at_rows(struct cleanup *k)
{
    int64_t after = 0, ids[PAGE];
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
        }
        db_rows_free(rows);
        if (more < 0)
            return more;
        for (size_t i = 0; i < count; ++i) {
            int64_t size;
            int fd = storage_open_archive(k->storage, uploads[i], &size);
            if (fd >= 0)
                close(fd);
            else
                tell(k, "missing", uploads[i], "left: its row has no file", "left: its row has no file");
            after = ids[i];
        }
    } while (count == PAGE);
    return 0;
}

int storage_cleanup(struct storage *s, struct db_conn *c, bool dry_run, storage_report report, void *arg)
{
    struct cleanup k = {.storage = s, .conn = c, .dry_run = dry_run, .report = report, .arg = arg};
    int err = 0;
    if (!dry_run) { /* first what the service itself would do: else its work in progress looks lost */
        err = filing_sweep(s, c, NULL, 0, 0);
        if (err == 0)
            err = deletion_sweep(s, c);
    }
    if (err == 0)
        err = look_at_shelves(&k);
    if (err == 0)
        err = store_each(spool_orphans_fd(s->spool), on_orphan, &k);
    return err < 0 ? err : look_at_rows(&k);
}
