/*
 * Filing: spool/new/<id> → ledger, archive row and attempt in one transaction → archives/<xx>/<id>. The steps are a
 * table; after a crash behind any of them the next sweep begins again and every step finds out what is done. Redis is
 * told by the projection that follows: until then `done` holds the attempt.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/security/audit.h"
#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "services/admin-api/webhooks/outbox.h"
#include "shared/clock/clock.h"
#include "shared/crash/crash.h"
#include "shared/digest/digest.h"
#include "shared/http/filename.h"
#include "shared/log/log.h"

#define NAME_TRIES 5

enum verdict { FILED, FILED_BEFORE, DELETED_BEFORE, REFUSED };

struct filing {
    struct storage *storage;
    struct db_conn *conn;
    const char *id;
    int64_t wanted; /* 0: any ticket's */
    enum verdict verdict;
    const char *why; /* it was put aside or failed; NULL: see the error */
    struct record_manifest manifest;
};

/* 1, or an error. Kept for people to look at; never filed, never removed before ORPHAN_RETENTION. */
static int to_orphans(struct filing *f)
{
    int moved = store_move(spool_new_fd(f->storage->spool), spool_orphans_fd(f->storage->spool), f->id);
    if (moved < 1)
        return moved < 0 ? moved : 1; /* another put it aside, and has said so */
    ADMIN_COUNT(UPLOADS_ORPHANED);
    log_warn("filing.orphaned", LOG_S("upload_id", f->id), LOG_S("why", f->why), LOG_I("ticket", f->manifest.number));
    return 1;
}

/* 1, or an error. */
static int to_trash(struct filing *f, const char *why)
{
    int moved = store_trash(f->storage, spool_new_fd(f->storage->spool), f->id);
    if (moved < 1)
        return moved < 0 ? moved : 1;
    log_info("filing.replayed", LOG_S("upload_id", f->id), LOG_S("why", why));
    return 1;
}

static int step_read(struct filing *f)
{
    f->why = "not a directory";
    int dir = store_open_spooled(f->storage, f->id);
    int err = dir == -ELOOP || dir == -ENOTDIR ? -EBADMSG : dir;
    if (dir >= 0) {
        err = store_check(f->storage, dir, f->id, &f->manifest, &f->why);
        close(dir);
    }
    if (err == -EBADMSG)
        return to_orphans(f);
    if (err < 0)
        return err;
    f->why = NULL;
    CRASH_POINT(FILING_READ);
    return f->wanted != 0 && f->manifest.ticket_id != f->wanted;
}

/* It should be clean; the spool's word is not taken. */
static void clean_name(const struct record_manifest *m, char out[FILENAME_SIZE])
{
    if (filename_clean(m->name, strlen(m->name), out) < 0)
        snprintf(out, FILENAME_SIZE, "archive");
}

/* The customer has no name, only an address and the right token. */
static int note(struct db_conn *c, const struct record_manifest *m)
{
    char name[FILENAME_SIZE], object[FILENAME_SIZE + 24];
    const struct audit_event event = {
        .action = "archive.upload", .object = object, .address = m->client, .outcome = AUDIT_OK};

    clean_name(m, name);
    snprintf(object, sizeof(object), "%lld/%s", (long long)m->number, name);
    return audit_write(c, &event, clock_now_us());
}

int filing_add_archive(const struct storage *s, struct db_conn *c, const struct record_manifest *m)
{
    char name[FILENAME_SIZE], hex[DIGEST_HEX_SIZE];
    int64_t added = 0;
    clean_name(m, name);
    digest_hex(m->sha256.data, DIGEST_SIZE, hex);
    for (int try = 0; try < NAME_TRIES && added == 0; ++try) {
        char taken[FILENAME_SIZE];
        memcpy(taken, name, sizeof(taken));
        if (try > 0 && filename_suffixed(taken, name) < 0)
            return -EIO;
        added = db_exec(c, storage_statement(ARCHIVE_ADD), m->ticket_id, m->upload_id, name, m->size, hex, m->client,
                        m->finished_us, storage_scan_state(s));
        if (try > 0)
            memcpy(name, taken, sizeof(name));
    }
    return added < 0 ? (int)added : added == 0 ? -EEXIST : 0;
}

static int refuse(struct filing *f, const char *why)
{
    f->verdict = REFUSED;
    f->why = why;
    return -EBADMSG; /* the ledger row goes with the transaction */
}

static int record(struct db_conn *c, void *arg)
{
    struct filing *f = arg;
    const struct record_manifest *m = &f->manifest;
    int64_t now = clock_now_us();

    f->why = NULL;
    int64_t fresh = db_exec(c, storage_statement(LEDGER_ADD), m->upload_id, m->ticket_id, now);
    if (fresh < 0)
        return (int)fresh;
    CRASH_POINT(FILING_LEDGER);
    int there = db_one(c, NULL, NULL, storage_statement(ARCHIVE_HAS), m->upload_id);
    if (there < 0)
        return there;
    if (fresh == 0) {
        f->verdict = there == 1 ? FILED_BEFORE : DELETED_BEFORE;
        return 0;
    }
    if (there == 1)
        return refuse(f, "its id is that of an archive made by the API");
    int found = db_one(c, NULL, NULL, storage_statement(TICKET_EXISTS), m->ticket_id);
    if (found != 1)
        return found < 0 ? found : refuse(f, "its ticket is gone");
    int err = filing_add_archive(f->storage, c, m);
    if (err == 0)
        err = note(c, m);
    if (err == 0)
        err = webhook_queue_archive(c, WEBHOOK_ARCHIVE_RECEIVED, m->upload_id, now);
    if (err < 0)
        return err;
    f->verdict = FILED;
    CRASH_POINT(FILING_ARCHIVE);
    int64_t taken = db_exec(c, storage_statement(ATTEMPT_TAKE), m->ticket_id, now);
    CRASH_POINT(FILING_ATTEMPT);
    return taken < 0 ? (int)taken : 0;
}

static int step_record(struct filing *f)
{
    int err = db_transaction(f->conn, record, f);
    CRASH_POINT(FILING_COMMITTED);
    if (err == -EBADMSG && f->verdict == REFUSED)
        return to_orphans(f);
    if (err < 0)
        return err;
    if (f->verdict == DELETED_BEFORE) /* a replay never brings a deleted archive back */
        return to_trash(f, "its archive was deleted");
    if (f->verdict == FILED) {
        ADMIN_COUNT(UPLOADS_FILED);
        ADMIN_OBSERVE(FILING_LAG, clock_now_us() - f->manifest.finished_us);
        log_info("filing.filed", LOG_S("upload_id", f->id), LOG_I("ticket", f->manifest.number),
                 LOG_I("size", f->manifest.size), LOG_I("ms", (clock_now_us() - f->manifest.finished_us) / 1000));
    }
    return 0;
}

static int step_move(struct filing *f)
{
    f->why = "it cannot be moved to archives/";
    int err = store_file(f->storage, f->id);
    CRASH_POINT(FILED);
    return err == -EEXIST || err == -ENOTEMPTY ? to_trash(f, "its archive is there already") : err;
}

static int (*const steps[])(struct filing *f) = {step_read, step_record, step_move};

static int run(struct filing *f)
{
    int result = 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && result == 0; ++i)
        result = steps[i](f);
    return result == -ENOENT ? 0 : result; /* another filed it, or it was deleted meanwhile */
}

struct sweep {
    struct storage *storage;
    struct db_conn *conn;
    int64_t wanted, until_ms;
    struct sweep_outcome *out;
};

static int on_spooled(void *arg, const char *id)
{
    struct sweep *w = arg;
    struct filing f = {.storage = w->storage, .conn = w->conn, .id = id, .wanted = w->wanted};
    if (w->until_ms != 0 && clock_steady_ms() > w->until_ms) {
        w->out->cut_short = true;
        return 1;
    }
    int err = run(&f);
    if (err >= 0)
        return 0;
    ADMIN_COUNT(FILING_ERRORS);
    if (w->out->error == 0) {
        w->out->error = err;
        snprintf(w->out->why, sizeof(w->out->why), "%s", f.why != NULL ? f.why : db_error(w->conn));
        snprintf(w->out->upload_id, sizeof(w->out->upload_id), "%s", id);
    }
    return err == -ENOTCONN; /* the database is away: no use in going on */
}

int filing_sweep(struct storage *s, struct db_conn *c, int64_t wanted, int64_t until_ms, struct sweep_outcome *out)
{
    struct sweep w = {.storage = s, .conn = c, .wanted = wanted, .until_ms = until_ms, .out = out};
    *out = (struct sweep_outcome){.error = 0};
    int err = store_each(spool_new_fd(s->spool), on_spooled, &w);
    if (err < 0 && out->error == 0)
        out->error = err;
    return out->error;
}

static void file_now(struct storage *s, struct db_conn *c, int64_t wanted)
{
    struct sweep_outcome out;
    int err = filing_sweep(s, c, wanted, clock_steady_ms() + s->options.filing_wait_ms, &out);
    if (err < 0 || out.cut_short)
        storage_poke(s); /* the keeper goes on, and says what fails */
}

void storage_file_ticket(struct storage *s, struct db_conn *c, int64_t ticket_id)
{
    file_now(s, c, ticket_id);
}

void storage_file_all(struct storage *s, struct db_conn *c)
{
    file_now(s, c, 0);
}
