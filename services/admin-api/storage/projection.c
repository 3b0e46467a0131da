/*
 * Projection: what the gateways know of a ticket is written here, from one reading of the database, and again for as
 * long as rev > projected_rev. An epoch exists only behind a full projection.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "shared/crash/crash.h"
#include "shared/log/log.h"
#include "shared/redis/attempts.h"
#include "shared/redis/reply.h"

#define PAGE  200
#define RACES 5 /* of one ticket's changes with a full projection; the next sweep sees to the rest */

struct texts { /* a growing list of copied strings */
    char **items;
    size_t count, room;
};

static int texts_add(struct texts *t, const char *text)
{
    if (t->count == t->room) {
        size_t room = t->room == 0 ? 16 : 2 * t->room;
        char **items = realloc(t->items, room * sizeof(*items));
        if (items == NULL)
            return -ENOMEM;
        t->items = items;
        t->room = room;
    }
    t->items[t->count] = strdup(text);
    return t->items[t->count] == NULL ? -ENOMEM : (++t->count, 0);
}

static void texts_free(struct texts *t)
{
    for (size_t i = 0; i < t->count; ++i)
        free(t->items[i]);
    free(t->items);
    *t = (struct texts){0};
}

struct unfiled { /* an upload in spool/new, while everything is projected */
    int64_t ticket_id;
    char id[SPOOL_ID_SIZE], *name;
};

struct unfiled_list {
    struct storage *storage;
    struct unfiled *items;
    size_t count, room;
};

struct reading {
    struct projection row;
    int64_t projected_rev;
    char token_hash[80], platform[128];
    struct texts filed, taken, unfiled; /* as struct projection has them */
};

static void reading_free(struct reading *r)
{
    texts_free(&r->filed);
    texts_free(&r->taken);
    texts_free(&r->unfiled);
}

static int take_row(struct reading *out, const struct db_rows *r)
{
    out->row = (struct projection){.ticket_id = db_int(r, 0),
                                   .number = db_int(r, 1),
                                   .resolved = db_int(r, 2) != 0,
                                   .attempts = db_int(r, 3),
                                   .expires_ms = (db_int(r, 4) + 999) / 1000,
                                   .max_bytes = db_int(r, 5),
                                   .rev = db_int(r, 6)};
    snprintf(out->token_hash, sizeof(out->token_hash), "%s", db_text(r, 7));
    snprintf(out->platform, sizeof(out->platform), "%s", db_text(r, 8));
    out->projected_rev = db_int(r, 9);
    int err = db_is_null(r, 10) ? 0 : texts_add(&out->filed, db_text(r, 10));
    /* It may be filed under another name than it claimed, or have claimed none. */
    return err < 0 || db_is_null(r, 11) ? err : texts_add(&out->taken, db_text(r, 11));
}

/* 1 found, 0 no such ticket. */
static int read_ticket(struct db_conn *c, int64_t ticket_id, struct reading *out)
{
    struct db_rows *rows;
    int found = 0, more, err = db_query(c, &rows, storage_statement(PROJECTION_READ), ticket_id);
    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1 && err == 0) {
        found = 1;
        err = take_row(out, rows);
    }
    db_rows_free(rows);
    return err < 0 ? err : more < 0 ? more : found;
}

static int read_taken(struct db_conn *c, int64_t ticket_id, struct texts *out)
{
    struct db_rows *rows;
    int more, err = db_query(c, &rows, storage_statement(PROJECTION_TAKEN), ticket_id);
    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1 && err == 0)
        err = texts_add(out, db_text(rows, 0));
    db_rows_free(rows);
    return err < 0 ? err : more < 0 ? more : 0;
}

static int note_projected(struct db_conn *c, void *arg)
{
    const struct reading *r = arg;
    int64_t n = db_exec(c, storage_statement(PROJECTED), r->row.ticket_id, r->row.rev);
    for (size_t i = 0; i < r->filed.count && n >= 0; ++i)
        n = db_exec(c, storage_statement(UPLOAD_PROJECTED), r->filed.items[i]);
    return n < 0 ? (int)n : 0;
}

/* Deleted since it was read, and its tombstone may have been told before us to a server that is gone. */
static int rebury(struct redis_client *client, const struct reading *r)
{
    const struct projection gone = {
        .ticket_id = r->row.ticket_id, .rev = r->row.rev, .gone = 1, .token_hash = r->token_hash};
    return attempts_project(client, &gone);
}

static int read_rev(const struct db_rows *r, void *arg)
{
    *(int64_t *)arg = db_int(r, 0);
    return 0;
}

/* Whatever is told was committed before: Redis cannot know a newer row, nor bury one that lives, of this database. */
static int check_told(struct db_conn *c, struct redis_client *client, const struct reading *r,
                      enum projection_fate fate)
{
    int64_t rev = 0;
    int known = db_one(c, read_rev, &rev, storage_statement(TICKET_EXISTS), r->row.ticket_id);
    if (known != 1)
        return known < 0 ? known : rebury(client, r);
    return fate == PROJECTION_GONE || (fate == PROJECTION_OLDER && rev <= r->row.rev) ? -EUCLEAN : 1;
}

static int send(struct db_conn *c, struct redis_client *client, struct reading *r, enum projection_fate *fate)
{
    r->row.token_hash = r->token_hash;
    r->row.platform = r->platform;
    r->row.filed = (const char *const *)r->filed.items;
    r->row.filed_count = r->filed.count;
    r->row.taken_names = (const char *const *)r->taken.items;
    r->row.taken_count = r->taken.count;
    r->row.unfiled = (const char *const *)r->unfiled.items;
    r->row.unfiled_count = r->unfiled.count;
    CRASH_POINT(PROJECTION_READ);
    int err = attempts_project_fate(client, &r->row, fate);
    CRASH_POINT(PROJECTED);
    if (err < 0)
        return err;
    lineage_note_told();
    ADMIN_COUNT(PROJECTIONS);
    int lives = check_told(c, client, r, *fate);
    if (lives != 1)
        return lives;
    if (r->projected_rev == r->row.rev && r->filed.count == 0)
        return 0;
    err = db_transaction(c, note_projected, r);
    CRASH_POINT(PROJECTION_NOTED);
    return err;
}

/* Filing adds one to rev for each upload that it leaves to be told of. What else was added may have freed names whose
 * freeing has not been told either: to tell only the row would make the ticket count as told. */
static bool has_changed_otherwise(const struct reading *r)
{
    return r->row.rev - r->projected_rev > (int64_t)r->filed.count;
}

static int tell(struct db_conn *c, struct redis_client *client, int64_t ticket_id, const struct projection_extra *extra,
                bool *missed)
{
    struct reading r = {.filed = {0}};
    enum projection_fate fate = PROJECTION_NEWER;
    int found = read_ticket(c, ticket_id, &r);
    bool names_too = found == 1 && ((extra != NULL && extra->names_too) || has_changed_otherwise(&r));
    int err = 0;
    if (found == 1 && extra != NULL) {
        r.row.freed_names = extra->doubtful != NULL ? &extra->doubtful : &extra->freed_name;
        r.row.freed_count = *r.row.freed_names != NULL;
        r.row.old_token_hash = extra->retired;
        err = extra->filed_late != NULL ? texts_add(&r.filed, extra->filed_late) : 0;
    }
    r.row.taken_are_all = names_too;
    if (err == 0 && (names_too || (found == 1 && extra != NULL && extra->doubtful != NULL)))
        err = read_taken(c, ticket_id, &r.taken);
    if (err == 0)
        err = found == 1 ? send(c, client, &r, &fate) : found;
    *missed = names_too && fate == PROJECTION_OLDER;
    reading_free(&r);
    return err < 0 ? err : found;
}

/* Redis takes no names from an older row: all of them are told once more by what is now. */
int projection_ticket(struct db_conn *c, struct redis_client *client, int64_t ticket_id,
                      const struct projection_extra *extra)
{
    bool missed = true;
    int found = 1;
    for (int i = 0; i < RACES && found == 1 && missed; ++i)
        found = tell(c, client, ticket_id, extra, &missed);
    return found;
}

/* --- many --- */

static int read_page(struct db_conn *c, const struct db_statement *st, int64_t after, int64_t ids[PAGE], size_t *count)
{
    struct db_rows *rows;
    int more, err = db_query(c, &rows, st, after);
    *count = 0;
    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1 && *count < PAGE)
        ids[(*count)++] = db_int(rows, 0);
    db_rows_free(rows);
    return more < 0 ? more : 0;
}

static int on_unfiled(void *arg, const char *id)
{
    struct unfiled_list *u = arg;
    struct record_manifest m;
    const char *why;
    int dir = store_open_spooled(u->storage, id);
    int err = dir < 0 ? dir : store_check(u->storage, dir, id, &m, &why);
    if (dir >= 0)
        close(dir);
    if (err < 0)
        return err == -ENOMEM ? err : 0; /* filing puts it aside, or says what is wrong */
    if (u->count == u->room) {
        size_t room = u->room == 0 ? 64 : 2 * u->room;
        struct unfiled *items = realloc(u->items, room * sizeof(*items));
        if (items == NULL)
            return -ENOMEM;
        u->items = items;
        u->room = room;
    }
    struct unfiled *item = u->items + u->count;
    *item = (struct unfiled){.ticket_id = m.ticket_id, .name = strdup(m.name)};
    memcpy(item->id, m.upload_id, sizeof(item->id));
    return item->name == NULL ? -ENOMEM : (++u->count, 0);
}

static void unfiled_free(struct unfiled_list *u)
{
    for (size_t i = 0; i < u->count; ++i)
        free(u->items[i].name);
    free(u->items);
}

/* Another thread may have filed and projected it since the spool was listed: then our word came too late, the id must
 * leave `done` again, and its name is an archive's or nobody's. Asked after sending, so that whoever files later also
 * projects later. */
static int take_back(struct db_conn *c, struct redis_client *client, const struct unfiled *sent)
{
    const struct projection_extra extra = {.filed_late = sent->id, .doubtful = sent->name};
    int filed = db_one(c, NULL, NULL, storage_statement(LEDGER_HAS), sent->id);
    return filed == 1 ? projection_ticket(c, client, sent->ticket_id, &extra) : filed;
}

static int tell_fully(struct db_conn *c, struct redis_client *client, int64_t ticket_id,
                      const struct unfiled_list *unfiled, bool *missed)
{
    struct reading r = {.filed = {0}};
    enum projection_fate fate = PROJECTION_NEWER;
    int found = read_ticket(c, ticket_id, &r);
    int err = found == 1 ? read_taken(c, ticket_id, &r.taken) : found;
    r.row.taken_are_all = 1;
    for (size_t i = 0; i < unfiled->count && err == 0 && found == 1; ++i)
        if (unfiled->items[i].ticket_id == ticket_id) {
            err = texts_add(&r.unfiled, unfiled->items[i].id);
            if (err == 0)
                err = texts_add(&r.unfiled, unfiled->items[i].name);
        }
    if (err == 0 && found == 1)
        err = send(c, client, &r, &fate);
    *missed = fate == PROJECTION_OLDER;
    reading_free(&r);
    return err;
}

static int project_fully(struct db_conn *c, struct redis_client *client, int64_t ticket_id,
                         const struct unfiled_list *unfiled)
{
    bool missed = true;
    int err = 0;
    for (int i = 0; i < RACES && err == 0 && missed; ++i)
        err = tell_fully(c, client, ticket_id, unfiled, &missed);
    if (err == 0 && missed)
        return -EBUSY; /* the next sweep begins again */
    for (size_t i = 0; i < unfiled->count && err >= 0; ++i)
        if (unfiled->items[i].ticket_id == ticket_id)
            err = take_back(c, client, unfiled->items + i);
    return err < 0 ? err : 0;
}

/* A Redis that went back to an older memory knows tickets again that were deleted and their tombstones told: buried
 * anew. */
static int bury_unknown(struct db_conn *c, struct redis_client *client, const redisReply *keys)
{
    int err = 0;
    for (size_t i = 0; i < keys->elements && err == 0; ++i) {
        const struct projection gone = {.ticket_id = strtoll(redis_reply_text(keys, i) + strlen("lc:{"), NULL, 10),
                                        .gone = 1};
        int known = db_one(c, NULL, NULL, storage_statement(TICKET_EXISTS), gone.ticket_id);
        err = known < 0 ? known : known == 1 ? 0 : attempts_project(client, &gone);
    }
    return err;
}

static int bury_all_unknown(struct db_conn *c, struct redis_client *client)
{
    char cursor[24] = "0";
    int err;
    do {
        const char *argv[] = {"SCAN", cursor, "MATCH", "lc:{*}:ticket", "COUNT", "500"};
        redisReply *reply = redis_client_command(client, 6, argv, NULL, &err);
        if (reply == NULL)
            return err;
        err = reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ? -EPROTO : 0;
        if (err == 0)
            err = bury_unknown(c, client, reply->element[1]);
        snprintf(cursor, sizeof(cursor), "%s", redis_reply_text(reply, 0));
        freeReplyObject(reply);
    } while (err == 0 && strcmp(cursor, "0") != 0);
    return err;
}

/* The epoch names the server that was projected to, so that a restarted or promoted one is noticed also after our own
 * restart, and one that took its place in the middle too. */
static int name_epoch(struct redis_client *client, char out[64])
{
    char run_id[41];
    uint64_t noise;
    int err = redis_client_run_id(client, run_id);
    if (err == 0 && getrandom(&noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
        err = -EIO;
    if (err == 0)
        snprintf(out, 64, "%s-%016llx", run_id, (unsigned long long)noise);
    return err;
}

int projection_all(struct storage *s, struct db_conn *c, struct redis_client *client)
{
    struct unfiled_list unfiled = {.storage = s};
    int64_t ids[PAGE], after = 0;
    size_t count = 0, total = 0;
    char epoch[64];
    int err = name_epoch(client, epoch);

    if (err == 0)
        err = attempts_epoch_begin(client, epoch); /* nothing is granted on half of it */
    CRASH_POINT(EPOCH_BEGUN);
    if (err == 0)
        err = store_each(spool_new_fd(s->spool), on_unfiled, &unfiled);
    do {
        if (err == 0)
            err = read_page(c, storage_statement(PROJECTION_PAGE), after, ids, &count);
        for (size_t i = 0; i < count && err == 0; ++i)
            err = project_fully(c, client, after = ids[i], &unfiled);
        total += count;
    } while (err == 0 && count == PAGE);
    if (err == 0)
        err = projection_bury(c, client);
    if (err == 0)
        err = bury_all_unknown(c, client);
    CRASH_POINT(EPOCH_DUE);
    if (err == 0)
        err = attempts_epoch_set(client, epoch);
    CRASH_POINT(EPOCH_SET);
    unfiled_free(&unfiled);
    if (err == 0) {
        ADMIN_COUNT(PROJECTIONS_FULL);
        log_info("projection.full", LOG_I("tickets", total));
    }
    return err;
}

/* Who changed it may have died, or not have reached Redis, before it could tell which name it freed. */
static int project_due(struct db_conn *c, struct redis_client *client)
{
    static const struct projection_extra all_names = {.names_too = true};
    int64_t ids[PAGE], after = 0;
    size_t count = 0;
    int err, refused = 0;
    do {
        err = read_page(c, storage_statement(PROJECTION_DUE), after, ids, &count);
        for (size_t i = 0; i < count && err >= 0; ++i) {
            err = projection_ticket(c, client, after = ids[i], &all_names);
            if (err == -EPROTO) { /* the script's own error: one ticket does not keep the others */
                refused = err;
                err = 0;
            }
        }
    } while (err >= 0 && count == PAGE);
    return err < 0 ? err : refused;
}

struct tombstone {
    int64_t id, ticket_id, rev;
    bool gone;
    char token_hash[80];
};

static int read_tombstones(struct db_conn *c, int64_t after, struct tombstone out[PAGE], size_t *count)
{
    struct db_rows *rows;
    int more, err = db_query(c, &rows, storage_statement(TOMBSTONES), after);
    *count = 0;
    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1 && *count < PAGE) {
        struct tombstone *t = out + (*count)++;
        *t = (struct tombstone){
            .id = db_int(rows, 0), .ticket_id = db_int(rows, 1), .rev = db_int(rows, 3), .gone = db_int(rows, 4) != 0};
        snprintf(t->token_hash, sizeof(t->token_hash), "%s", db_text(rows, 2));
    }
    db_rows_free(rows);
    return more < 0 ? more : 0;
}

static int bury_one(struct db_conn *c, struct redis_client *client, const struct tombstone *t)
{
    const struct projection_extra retired = {.retired = t->token_hash};
    const struct projection gone = {
        .ticket_id = t->ticket_id, .rev = t->rev, .gone = 1, .token_hash = t->token_hash, .platform = ""};
    int found = t->gone ? 0 : projection_ticket(c, client, t->ticket_id, &retired);
    int err = found == 0 ? attempts_project(client, &gone) : found;
    if (err < 0)
        return err;
    lineage_note_told();
    CRASH_POINT(BURIED);
    int64_t n = db_exec(c, storage_statement(TOMBSTONE_DONE), t->id);
    return n < 0 ? (int)n : 0;
}

int projection_bury(struct db_conn *c, struct redis_client *client)
{
    struct tombstone *stones = calloc(PAGE, sizeof(*stones));
    size_t count = 0;
    int64_t after = 0;
    int err = stones == NULL ? -ENOMEM : 0;
    do {
        if (err == 0)
            err = read_tombstones(c, after, stones, &count);
        for (size_t i = 0; i < count && err == 0; ++i) {
            after = stones[i].id;
            err = bury_one(c, client, stones + i);
        }
    } while (err == 0 && count == PAGE);
    free(stones);
    return err;
}

/* Is what Redis holds ours and of the server that holds it now? 1, 0 or negative. */
static int is_current(struct redis_client *client)
{
    char epoch[64], run_id[41];
    int err = attempts_epoch_get(client, epoch);
    if (err < 0)
        return err == -ENOENT ? 0 : err;
    err = redis_client_run_id(client, run_id);
    return err < 0 ? err : strncmp(epoch, run_id, strlen(run_id)) == 0;
}

static int project_what_is_due(struct storage *s, struct db_conn *c, struct redis_client *client)
{
    int current = is_current(client);
    if (current != 1)
        return current < 0 ? current : projection_all(s, c, client);
    int err = project_due(c, client);
    int buried = projection_bury(c, client);
    return err < 0 ? err : buried;
}

int projection_sweep(struct storage *s, struct db_conn *c, struct redis_client *client)
{
    int err = lineage_check(c, client, s->strange);
    if (err < 0)
        return err;
    err = project_what_is_due(s, c, client);
    s->strange = err == -EUCLEAN;
    if (s->strange)
        storage_poke(s);
    return err < 0 ? err : lineage_count(c, client);
}
