/*
 * Orphans: what was put aside is looked at once more before its time is over. The database may know it by now, as after
 * a restore, or may always have: another one, named by mistake, put it aside.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "shared/log/log.h"

static int take_size(const struct db_rows *r, void *arg)
{
    *(int64_t *)arg = db_int(r, 0);
    return 0;
}

/* The length of its data, or negative. */
static int64_t size_of(const struct storage *s, const char *id)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "%.32s/data", id);
    int fd = storage_open_beneath(spool_orphans_fd(s->spool), path, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return fd;
    int err = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    close(fd);
    return err < 0 ? err : st.st_size;
}

static enum orphan of_row(struct storage *s, const char *id, int64_t recorded)
{
    int64_t filed;
    int fd = storage_open_archive(s, id, &filed);
    if (fd >= 0)
        close(fd);
    return fd == -ENOENT && size_of(s, id) == recorded ? ORPHAN_OF_ROW : ORPHAN_DOUBTFUL;
}

/* What came through the API has no ledger: whether somebody deleted it cannot be told. The number too, for the ids of
 * another database's tickets are the same. */
static int of_manifest(struct storage *s, struct db_conn *c, const char *id)
{
    struct record_manifest m;
    const char *why;
    int dir = storage_open_beneath(spool_orphans_fd(s->spool), id, O_RDONLY | O_DIRECTORY);
    if (dir < 0)
        return ORPHAN_NOBODYS;
    int err = store_check(s, dir, id, &m, &why);
    close(dir);
    if (err < 0)
        return err == -EBADMSG ? ORPHAN_NOBODYS : ORPHAN_DOUBTFUL;
    if (strcmp(m.method, STORAGE_METHOD_API) == 0)
        return ORPHAN_NOBODYS;
    int found = db_one(c, NULL, NULL, storage_statement(TICKET_IS), m.ticket_id, m.number);
    return found < 0 ? found : found == 1 ? ORPHAN_OF_TICKET : ORPHAN_NOBODYS;
}

int orphan_look(struct storage *s, struct db_conn *c, const char *id)
{
    int64_t recorded = 0;
    int found = db_one(c, take_size, &recorded, storage_statement(ARCHIVE_SIZE), id);
    if (found != 0)
        return found < 0 ? found : (int)of_row(s, id, recorded);
    found = db_one(c, NULL, NULL, storage_statement(LEDGER_HAS), id);
    if (found != 0) /* it was filed, and its archive deleted since */
        return found < 0 ? found : ORPHAN_NOBODYS;
    return of_manifest(s, c, id);
}

int orphan_return(struct storage *s, const char *id, enum orphan what)
{
    int orphans = spool_orphans_fd(s->spool);
    int shelf = what == ORPHAN_OF_ROW ? store_open_shelf(s, id) : spool_new_fd(s->spool);
    if (shelf < 0)
        return shelf;
    int moved = store_move(orphans, shelf, id);
    if (what == ORPHAN_OF_ROW)
        close(shelf);
    if (moved == 1)
        log_warn("spool.orphan_returned", LOG_S("upload_id", id),
                 LOG_S("why", what == ORPHAN_OF_ROW ? "its row had no file" : "its ticket is there"));
    return moved < 0 && moved != -ENOENT ? moved : 0; /* another process was faster */
}
