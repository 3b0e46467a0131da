/*
 * Reconcile: attempts that were committed but whose uploads never came. The order matters: first the upload's
 * directory goes from spool/tmp to spool/trash, so that a late rename cannot publish it, and only then, if it is
 * neither in spool/new nor in the ledger, is the attempt given back. Also throws old trash away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "shared/log/log.h"
#include "shared/redis/attempts.h"

#define TRASH_AGE_S 600
#define SCAN_COUNT  "500"

static bool spool_holds(int directory, const char *id)
{
    struct stat st;
    return fstatat(directory, id, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int reconcile_upload(struct storage *s, struct db_conn *c, struct redis_client *r, int64_t ticket_id,
                            const char *id)
{
    if (!spool_id_is_valid(id))
        return attempts_forget_done(r, ticket_id, id);
    int err = store_move(spool_tmp_fd(s->spool), spool_trash_fd(s->spool), id);
    if (err < 0 && err != -ENOENT)
        return err;
    if (spool_holds(spool_new_fd(s->spool), id))
        return 0; /* filing will come to it */
    int known = db_one(c, NULL, NULL, storage_statement(LEDGER_HAS), id);
    if (known < 0)
        return known;
    if (known == 1 && (known = projection_ticket(c, r, ticket_id, NULL, id)) != 0)
        return known < 0 ? known : 0; /* filed, but its commit came after: said once more */
    ADMIN_COUNT(ATTEMPTS_RETURNED);
    log_info("reconcile.attempt_returned", LOG_S("upload_id", id), LOG_I("ticket_id", ticket_id));
    return attempts_forget_done(r, ticket_id, id);
}

static int reconcile_ticket(struct storage *s, struct db_conn *c, struct redis_client *r, int64_t ticket_id)
{
    char **ids = NULL;
    size_t count = 0;
    int err = attempts_stale_done(r, ticket_id, s->options.reconcile_age_ms, &ids, &count);
    for (size_t i = 0; i < count; ++i) {
        if (err == 0)
            err = reconcile_upload(s, c, r, ticket_id, ids[i]);
        free(ids[i]);
    }
    free(ids);
    return err;
}

/* One page of lc:{id}:done; the cursor in and out. */
static int scan_page(struct storage *s, struct db_conn *c, struct redis_client *r, char cursor[24])
{
    const char *argv[] = {"SCAN", cursor, "MATCH", "lc:{*}:done", "COUNT", SCAN_COUNT};
    int err = 0;
    redisReply *reply = redis_client_command(r, 6, argv, NULL, &err);
    if (reply == NULL)
        return err;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        freeReplyObject(reply);
        return -EPROTO;
    }
    snprintf(cursor, 24, "%s", reply->element[0]->str);
    for (size_t i = 0; i < reply->element[1]->elements && err == 0; ++i)
        err = reconcile_ticket(s, c, r, strtoll(reply->element[1]->element[i]->str + strlen("lc:{"), NULL, 10));
    freeReplyObject(reply);
    return err;
}

/* --- old directories --- */

struct aging {
    struct storage *storage;
    int directory;
    int64_t age_s;
    const char *event;
    bool to_trash;
    int error;
};

static int on_aging(void *arg, const char *id)
{
    struct aging *a = arg;
    struct stat dir, data, state;
    char path[64];
    snprintf(path, sizeof(path), "%s/data", id);
    if (fstatat(a->directory, id, &dir, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    time_t touched = dir.st_mtime;
    if (fstatat(a->directory, path, &data, AT_SYMLINK_NOFOLLOW) == 0 && data.st_mtime > touched)
        touched = data.st_mtime;
    snprintf(path, sizeof(path), "%s/state", id);
    if (a->to_trash && fstatat(a->directory, path, &state, AT_SYMLINK_NOFOLLOW) == 0)
        return 0; /* a resumable upload has an end of its own */
    if (time(NULL) - touched < a->age_s)
        return 0;
    int err = a->to_trash ? store_move(a->directory, spool_trash_fd(a->storage->spool), id)
                          : store_remove_tree(a->directory, id);
    log_info(a->event, LOG_S("upload_id", id), LOG_S("error", err < 0 ? log_errno_text(err) : NULL));
    if (err < 0 && a->error == 0)
        a->error = err;
    return 0;
}

static int age_out(struct storage *s, int directory, int64_t age_s, const char *event, bool to_trash)
{
    struct aging a = {.storage = s, .directory = directory, .age_s = age_s, .event = event, .to_trash = to_trash};
    int err = store_each(directory, on_aging, &a);
    return err < 0 ? err : a.error;
}

int reconcile_sweep(struct storage *s, struct db_conn *c, struct redis_client *r)
{
    char cursor[24] = "0";
    int err, aged;
    do {
        err = scan_page(s, c, r, cursor);
    } while (err == 0 && strcmp(cursor, "0") != 0);
    aged = age_out(s, spool_tmp_fd(s->spool), s->options.expiry_ms / 1000, "spool.abandoned", true);
    err = err < 0 ? err : aged;
    aged = age_out(s, spool_trash_fd(s->spool), TRASH_AGE_S, "spool.trash_removed", false);
    err = err < 0 ? err : aged;
    if (s->options.orphan_retention_ms > 0) {
        aged = age_out(s, spool_orphans_fd(s->spool), s->options.orphan_retention_ms / 1000, "spool.orphan_removed",
                       false);
        err = err < 0 ? err : aged;
    }
    return err;
}
