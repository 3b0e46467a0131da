/*
 * Deletion: a row in `doomed` is written by the transaction that deletes an archive; then the files go, then the row.
 * A crash in between leaves the row, and the sweep goes on from there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "shared/clock/clock.h"
#include "shared/crash/crash.h"
#include "shared/log/log.h"

#define PAGE 100

static int run_two(struct db_conn *c, const struct db_statement *first, const struct db_statement *second, int64_t id,
                   int64_t now_us)
{
    int64_t n = db_exec(c, first, id, now_us);
    if (n >= 0 && second != NULL)
        n = db_exec(c, second, id, now_us);
    CRASH_POINT(DOOMED);
    return n < 0 ? (int)n : 0;
}

int storage_doom_archive(struct db_conn *c, int64_t archive_id, int64_t now_us)
{
    int err = run_two(c, storage_statement(DOOM_ARCHIVE), NULL, archive_id, now_us);
    return err < 0 ? err : storage_names_changed(c, archive_id);
}

int storage_names_changed(struct db_conn *c, int64_t archive_id)
{
    int64_t n = db_exec(c, storage_statement(NAMES_CHANGED), archive_id);
    return n < 0 ? (int)n : 0;
}

int storage_doom_ticket(struct db_conn *c, int64_t ticket_id, int64_t now_us)
{
    return run_two(c, storage_statement(DOOM_TICKET), storage_statement(BURY_TICKET), ticket_id, now_us);
}

int storage_doom_platform(struct db_conn *c, int64_t platform_id, int64_t now_us)
{
    return run_two(c, storage_statement(DOOM_PLATFORM), storage_statement(BURY_PLATFORM), platform_id, now_us);
}

int storage_retire_token(struct db_conn *c, int64_t ticket_id, int64_t now_us)
{
    return run_two(c, storage_statement(RETIRE_TOKEN), NULL, ticket_id, now_us);
}

static int read_page(struct db_conn *c, const char *after, char ids[PAGE][STORAGE_ID_SIZE], size_t *count)
{
    struct db_rows *rows;
    int more, err = db_query(c, &rows, storage_statement(DOOMED), after);
    *count = 0;
    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1 && *count < PAGE)
        snprintf(ids[(*count)++], STORAGE_ID_SIZE, "%s", db_text(rows, 0));
    db_rows_free(rows);
    return more < 0 ? more : 0;
}

static int remove_one(struct storage *s, struct db_conn *c, const char *id)
{
    CRASH_POINT(DELETING);
    int err = spool_id_is_valid(id) ? store_remove(s, id) : 0;
    CRASH_POINT(UNLINKED);
    if (err < 0)
        return err;
    int64_t n = db_exec(c, storage_statement(DOOMED_DONE), id);
    CRASH_POINT(UNDOOMED);
    if (n > 0) {
        ADMIN_COUNT(ARCHIVES_REMOVED);
        log_info("deletion.removed", LOG_S("upload_id", id));
    }
    return n < 0 ? (int)n : 0;
}

static void note_error(struct sweep_outcome *out, int err, const char *id)
{
    ADMIN_COUNT(REMOVE_ERRORS);
    if (out->error < 0)
        return;
    out->error = err;
    snprintf(out->upload_id, sizeof(out->upload_id), "%.*s", STORAGE_ID_SIZE - 1, id);
}

static int remove_doomed(struct storage *s, struct db_conn *c, int64_t until_ms, struct sweep_outcome *out)
{
    char ids[PAGE][STORAGE_ID_SIZE], after[STORAGE_ID_SIZE] = "";
    size_t count;
    do {
        int err = read_page(c, after, ids, &count);
        if (err < 0)
            return out->error = err;
        for (size_t i = 0; i < count && !out->cut_short; ++i) {
            err = remove_one(s, c, ids[i]);
            if (err < 0)
                note_error(out, err, ids[i]);
            out->cut_short = until_ms != 0 && clock_steady_ms() > until_ms;
        }
        if (count > 0)
            memcpy(after, ids[count - 1], sizeof(after));
    } while (count == PAGE && !out->cut_short);
    return out->error;
}

int deletion_sweep(struct storage *s, struct db_conn *c, int64_t until_ms, struct sweep_outcome *out)
{
    *out = (struct sweep_outcome){.error = 0};
    int gate = store_enter_deletion(s);
    if (gate == -EWOULDBLOCK)
        return 0; /* a backup is being made: the rows wait, and with them the files */
    if (gate < 0)
        return out->error = gate;
    int err = remove_doomed(s, c, until_ms, out);
    close(gate);
    return err;
}
