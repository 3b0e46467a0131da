/*
 * Reconcile: attempts that were committed but whose uploads never came. The order matters: first the upload's
 * directory goes from spool/tmp to spool/trash, so that a late rename cannot publish it, and only then, if it is
 * neither in spool/new nor in the ledger, is the attempt given back. Also throws old trash away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "shared/clock/clock.h"
#include "shared/crash/crash.h"
#include "shared/log/log.h"
#include "shared/redis/attempts.h"

#define SCAN_COUNT "500"
#define STATE_SIZE 8192

static bool spool_holds(int directory, const char *id)
{
    struct stat st;
    return fstatat(directory, id, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int64_t age_of(const struct stat *st, bool moved)
{
    int64_t since = moved && st->st_ctime > st->st_mtime ? st->st_ctime : st->st_mtime; /* a rename sets ctime */
    return (time(NULL) - since) * 1000;
}

/* A resumable upload ends UPLOAD_EXPIRY after its last byte, as its own record tells; a little later for clocks that
 * differ. 1: over, 0: not yet, -ENOENT: it is none, or not readable as one. */
static int resumable_is_over(struct storage *s, const char *id)
{
    char bytes[STATE_SIZE];
    struct record_state state;
    if (s->clock_is_wrong)
        return 0;
    ssize_t n = spool_state_read(s->spool, id, bytes, sizeof(bytes));
    if (n < 0 || record_state_decode(bytes, (size_t)n, &state) < 0)
        return n < 0 && n != -ENOENT ? 0 : -ENOENT;
    return state.expires_us / 1000 + s->options.expiry_ms / 10 < clock_now_us() / 1000;
}

/* A plain upload that was received whole: with its draft, even one that we cannot read, a gateway can publish it. */
static bool has_draft(struct storage *s, const char *id)
{
    char byte;
    return spool_draft_read(s->spool, id, &byte, 1) != -ENOENT;
}

/* Its last byte came within UPLOAD_EXPIRY. */
static bool is_fresh(struct storage *s, const char *id, struct stat *data)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/data", id);
    return fstatat(spool_tmp_fd(s->spool), path, data, AT_SYMLINK_NOFOLLOW) == 0 &&
           age_of(data, false) < s->options.expiry_ms;
}

static int reconcile_upload(struct storage *s, struct db_conn *c, struct redis_client *r, int64_t ticket_id,
                            const char *id)
{
    if (!spool_id_is_valid(id))
        return attempts_forget_done(r, ticket_id, id);
    const struct projection_extra late = {.filed_late = id};
    struct stat data;
    if (resumable_is_over(s, id) == 0 || (is_fresh(s, id, &data) && has_draft(s, id)))
        return 0; /* its client may come back for it, or a gateway publish it: given back when it has expired */
    int err = store_trash(s, spool_tmp_fd(s->spool), id);
    CRASH_POINT(RECONCILE_TRASHED);
    if (err < 0)
        return err;
    if (spool_holds(spool_new_fd(s->spool), id))
        return 0; /* filing will come to it */
    int known = db_one(c, NULL, NULL, storage_statement(LEDGER_HAS), id);
    if (known < 0)
        return known;
    if (known == 1 && (known = projection_ticket(c, r, ticket_id, &late)) != 0)
        return known < 0 ? known : 0; /* filed, but its commit came after: said once more */
    ADMIN_COUNT(ATTEMPTS_RETURNED);
    log_info("reconcile.attempt_returned", LOG_S("upload_id", id), LOG_I("ticket_id", ticket_id));
    err = attempts_forget_done(r, ticket_id, id);
    CRASH_POINT(RECONCILED);
    return err;
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

/* The first part of a body whose gateway is gone: nobody can send the rest. The lock is asked first, as it is held
 * until the rename: what has none comes to nothing more. Before the first byte it may not be held yet. With a state,
 * even one that we cannot read, the upload could be resumed. */
static bool is_cut_off(struct storage *s, const char *id, const struct stat *data)
{
    char byte;
    return data->st_size > 0 && age_of(data, false) >= s->options.reconcile_age_ms &&
           spool_has_writer(s->spool, id) == 0 && !has_draft(s, id) &&
           spool_state_read(s->spool, id, &byte, 1) == -ENOENT;
}

bool reconcile_is_abandoned(struct storage *s, const char *id)
{
    struct stat st;
    int over = resumable_is_over(s, id);
    if (over >= 0)
        return over == 1;
    if (is_fresh(s, id, &st))
        return is_cut_off(s, id, &st);
    return fstatat(spool_tmp_fd(s->spool), id, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           age_of(&st, false) >= s->options.expiry_ms;
}

static int on_tmp(void *arg, const char *id)
{
    struct storage *s = arg;
    if (!reconcile_is_abandoned(s, id))
        return 0;
    int moved = store_trash(s, spool_tmp_fd(s->spool), id);
    if (moved == 1)
        log_info("spool.abandoned", LOG_S("upload_id", id));
    return moved < 0 ? moved : 0;
}

bool reconcile_is_old(int directory, const char *id, int64_t age_ms)
{
    struct stat st;
    return age_ms > 0 && fstatat(directory, id, &st, AT_SYMLINK_NOFOLLOW) == 0 && age_of(&st, true) >= age_ms;
}

static int on_old_trash(void *arg, const char *id)
{
    struct storage *s = arg;
    int trash = spool_trash_fd(s->spool);
    if (!reconcile_is_old(trash, id, s->options.reconcile_age_ms))
        return 0;
    int err = store_remove_tree(trash, id);
    if (err == 0)
        log_info("spool.trash_removed", LOG_S("upload_id", id));
    return err;
}

int reconcile_empty(struct storage *s)
{
    return store_each(spool_trash_fd(s->spool), on_old_trash, s);
}

int reconcile_end_orphan(struct storage *s, const char *id)
{
    int err = store_remove_tree(spool_orphans_fd(s->spool), id);
    if (err < 0)
        return err;
    ADMIN_COUNT(ORPHANS_REMOVED);
    log_info("spool.orphan_removed", LOG_S("upload_id", id));
    return 0;
}

struct orphans {
    struct storage *storage;
    struct db_conn *conn;
};

static int on_old_orphan(void *arg, const char *id)
{
    const struct orphans *o = arg;
    struct storage *s = o->storage;
    if (!reconcile_is_old(spool_orphans_fd(s->spool), id, s->options.orphan_retention_ms))
        return 0;
    int what = orphan_look(s, o->conn, id);
    if (what < 0 || what == ORPHAN_DOUBTFUL)
        return what < 0 ? what : 0;
    return what == ORPHAN_NOBODYS ? reconcile_end_orphan(s, id) : orphan_return(s, id, (enum orphan)what);
}

int reconcile_sweep(struct storage *s, struct db_conn *c, struct redis_client *r)
{
    char cursor[24] = "0";
    int first, err;
    do {
        first = scan_page(s, c, r, cursor);
    } while (first == 0 && strcmp(cursor, "0") != 0);
    if (s->clock_is_wrong)
        return first;
    err = store_each(spool_tmp_fd(s->spool), on_tmp, s);
    first = first < 0 ? first : err;
    err = reconcile_empty(s);
    first = first < 0 ? first : err;
    struct orphans orphans = {.storage = s, .conn = c};
    err = store_each(spool_orphans_fd(s->spool), on_old_orphan, &orphans);
    return first < 0 ? first : err;
}
