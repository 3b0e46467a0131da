/*
 * Filing: spool/new/<id> → ledger, archive row and attempt in one transaction → archives/<xx>/<id> → Redis. The steps
 * are a table; after a crash behind any of them the next sweep begins again and every step finds out what is done.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "shared/digest/digest.h"
#include "shared/http/filename.h"
#include "shared/log/log.h"

#define NAME_TRIES 5

enum verdict { FILED, FILED_BEFORE, DELETED_BEFORE, UNKNOWN_TICKET };

struct filing {
    struct storage *storage;
    struct db_conn *conn;
    struct redis_client *redis; /* NULL: projection is left to the sweep */
    const char *id;
    int64_t wanted;
    bool skipped; /* another ticket's */
    enum verdict verdict;
    struct record_manifest manifest;
};

static int to_orphans(struct filing *f, const char *why)
{
    int err = store_move(spool_new_fd(f->storage->spool), spool_orphans_fd(f->storage->spool), f->id);
    ADMIN_COUNT(UPLOADS_ORPHANED);
    log_warn("filing.orphaned", LOG_S("upload_id", f->id), LOG_S("why", why),
             LOG_S("error", err < 0 ? log_errno_text(err) : NULL));
    return err;
}

/* 1: it was put aside. */
static int step_read(struct filing *f)
{
    const char *why = "not a directory";
    int dir = store_open_spooled(f->storage, f->id);
    if (dir == -ENOENT)
        return dir;
    int err = dir < 0 ? (dir == -ELOOP || dir == -ENOTDIR ? -EBADMSG : dir)
                      : store_check(f->storage, dir, f->id, &f->manifest, &why);
    if (dir >= 0)
        close(dir);
    if (err == -EBADMSG) {
        err = to_orphans(f, why);
        return err < 0 ? err : 1;
    }
    f->skipped = err == 0 && f->wanted != 0 && f->manifest.ticket_id != f->wanted;
    return err < 0 ? err : f->skipped;
}

static int add_archive(struct db_conn *c, const struct record_manifest *m)
{
    char name[FILENAME_SIZE], hex[DIGEST_HEX_SIZE];
    int64_t added = 0;
    ssize_t n =
        filename_clean(m->name, strlen(m->name), name); /* as the gateway made it; its word is not taken for it */
    if (n < 0)
        snprintf(name, sizeof(name), "archive");
    digest_hex(m->sha256.data, DIGEST_SIZE, hex);
    for (int try = 0; try < NAME_TRIES && added == 0; ++try) {
        char taken[FILENAME_SIZE];
        memcpy(taken, name, sizeof(taken));
        if (try > 0 && filename_suffixed(taken, name) < 0)
            return -EIO;
        added = db_exec(c, storage_statement(ARCHIVE_ADD), m->ticket_id, m->upload_id, name, m->size, hex, m->client,
                        m->finished_us);
        if (try > 0)
            memcpy(name, taken, sizeof(name));
    }
    return added < 0 ? (int)added : added == 0 ? -EEXIST : 0;
}

static int record(struct db_conn *c, void *arg)
{
    struct filing *f = arg;
    const struct record_manifest *m = &f->manifest;
    int64_t now = storage_now_us();

    int64_t fresh = db_exec(c, storage_statement(LEDGER_ADD), m->upload_id, m->ticket_id, now);
    if (fresh < 0)
        return (int)fresh;
    if (fresh == 0) {
        int found = db_one(c, NULL, NULL, storage_statement(ARCHIVE_HAS), m->upload_id);
        f->verdict = found == 1 ? FILED_BEFORE : DELETED_BEFORE;
        return found < 0 ? found : 0;
    }
    int found = db_one(c, NULL, NULL, storage_statement(TICKET_EXISTS), m->ticket_id);
    if (found != 1) {
        f->verdict = UNKNOWN_TICKET;
        return found < 0 ? found : -ENOENT; /* the ledger row goes with the transaction */
    }
    int err = add_archive(c, m);
    if (err < 0)
        return err;
    f->verdict = FILED;
    int64_t taken = db_exec(c, storage_statement(ATTEMPT_TAKE), m->ticket_id, now);
    return taken < 0 ? (int)taken : 0;
}

static int step_record(struct filing *f)
{
    int err = db_transaction(f->conn, record, f);
    if (err == -ENOENT && f->verdict == UNKNOWN_TICKET) {
        err = to_orphans(f, "its ticket is gone");
        return err < 0 ? err : 1;
    }
    if (err == 0 && f->verdict == DELETED_BEFORE) { /* a replay never brings a deleted archive back */
        log_info("filing.deleted_before", LOG_S("upload_id", f->id));
        err = store_remove_tree(spool_new_fd(f->storage->spool), f->id);
        return err < 0 ? err : 1;
    }
    if (err == 0 && f->verdict == FILED) {
        ADMIN_COUNT(UPLOADS_FILED);
        log_info("filing.filed", LOG_S("upload_id", f->id), LOG_I("ticket", f->manifest.number),
                 LOG_I("size", f->manifest.size), LOG_I("ms", (storage_now_us() - f->manifest.finished_us) / 1000));
    }
    return err;
}

static int step_move(struct filing *f)
{
    return store_file(f->storage, f->id);
}

static int step_project(struct filing *f)
{
    if (f->redis != NULL) /* failing is no harm: the ticket's rev is ahead, the sweep sends it again */
        (void)projection_ticket(f->conn, f->redis, f->manifest.ticket_id, NULL, NULL);
    return 0;
}

static int (*const steps[FILING_STEPS])(struct filing *f) = {
    [FILING_READ] = step_read,
    [FILING_RECORD] = step_record,
    [FILING_MOVE] = step_move,
    [FILING_PROJECT] = step_project,
};

int filing_run(struct storage *s, struct db_conn *c, struct redis_client *r, const char *id, int64_t wanted)
{
    struct filing f = {.storage = s, .conn = c, .redis = r, .id = id, .wanted = wanted};
    for (int step = 0; step < FILING_STEPS; ++step) {
        int result = steps[step](&f);
        if (result < 0 && result != -ENOENT) {
            ADMIN_COUNT(FILING_ERRORS);
            log_error("filing.failed", LOG_S("upload_id", id), LOG_I("step", step), LOG_E(result),
                      LOG_S("database", db_error(c)));
        }
        if (result != 0)
            return result < 0 ? result : 0;
        if ((enum filing_step)step == s->crash_after)
            return -ECANCELED;
    }
    return 0;
}

struct sweep {
    struct storage *storage;
    struct db_conn *conn;
    struct redis_client *redis;
    int64_t wanted, until_ms;
    int first_error;
};

static int on_spooled(void *arg, const char *id)
{
    struct sweep *w = arg;
    if (w->until_ms != 0 && storage_now_ms() > w->until_ms)
        return 1;
    int err = filing_run(w->storage, w->conn, w->redis, id, w->wanted);
    if (err < 0 && err != -ENOENT && w->first_error == 0)
        w->first_error = err;
    return err == -ENOTCONN; /* the database is away: no use in going on */
}

int filing_sweep(struct storage *s, struct db_conn *c, struct redis_client *r, int64_t wanted, int64_t until_ms)
{
    struct sweep w = {.storage = s, .conn = c, .redis = r, .wanted = wanted, .until_ms = until_ms};
    int err = store_each(spool_new_fd(s->spool), on_spooled, &w);
    return err < 0 ? err : w.first_error;
}

int storage_file_ticket(struct storage *s, struct db_conn *c, int64_t ticket_id)
{
    return filing_sweep(s, c, NULL, ticket_id, storage_now_ms() + s->options.filing_wait_ms);
}

int storage_file_all(struct storage *s, struct db_conn *c)
{
    return filing_sweep(s, c, NULL, 0, storage_now_ms() + s->options.filing_wait_ms);
}
