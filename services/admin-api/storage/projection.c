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
#include "shared/log/log.h"
#include "shared/redis/attempts.h"

#define PAGE 200

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

struct unfiled { /* uploads in spool/new by ticket, while everything is projected */
    struct storage *storage;
    struct texts ids;
    int64_t *tickets;
    size_t room;
};

struct reading {
    struct projection row;
    int64_t projected_rev;
    char token_hash[80], platform[128];
    struct texts filed, taken, unfiled;
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
    return db_is_null(r, 10) ? 0 : texts_add(&out->filed, db_text(r, 10));
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

static int send(struct db_conn *c, struct redis_client *client, struct reading *r)
{
    r->row.token_hash = r->token_hash;
    r->row.platform = r->platform;
    r->row.filed = (const char *const *)r->filed.items;
    r->row.filed_count = r->filed.count;
    r->row.taken_names = (const char *const *)r->taken.items;
    r->row.taken_count = r->taken.count;
    r->row.unfiled = (const char *const *)r->unfiled.items;
    r->row.unfiled_count = r->unfiled.count;
    int err = attempts_project(client, &r->row);
    if (err < 0)
        return err;
    ADMIN_COUNT(PROJECTIONS);
    if (r->projected_rev == r->row.rev && r->filed.count == 0)
        return 0;
    return db_transaction(c, note_projected, r);
}

int projection_ticket(struct db_conn *c, struct redis_client *client, int64_t ticket_id, const char *freed_name,
                      const char *filed_late)
{
    struct reading r = {.filed = {0}};
    int found = read_ticket(c, ticket_id, &r);
    int err = found == 1 && filed_late != NULL ? texts_add(&r.filed, filed_late) : 0;
    r.row.freed_names = &freed_name;
    r.row.freed_count = freed_name != NULL;
    if (err == 0)
        err = found == 1 ? send(c, client, &r) : found;
    reading_free(&r);
    return err < 0 ? err : found;
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
    struct unfiled *u = arg;
    struct record_manifest m;
    const char *why;
    int dir = store_open_spooled(u->storage, id);
    int err = dir < 0 ? dir : store_check(u->storage, dir, id, &m, &why);
    if (dir >= 0)
        close(dir);
    if (err < 0)
        return err == -ENOMEM ? err : 0; /* filing puts it aside */
    if (u->ids.count == u->room) {
        size_t room = u->room == 0 ? 64 : 2 * u->room;
        int64_t *tickets = realloc(u->tickets, room * sizeof(*tickets));
        if (tickets == NULL)
            return -ENOMEM;
        u->tickets = tickets;
        u->room = room;
    }
    u->tickets[u->ids.count] = m.ticket_id;
    return texts_add(&u->ids, id);
}

static int project_fully(struct db_conn *c, struct redis_client *client, int64_t ticket_id,
                         const struct unfiled *unfiled)
{
    struct reading r = {.filed = {0}};
    int found = read_ticket(c, ticket_id, &r);
    int err = found == 1 ? read_taken(c, ticket_id, &r.taken) : found;
    for (size_t i = 0; i < unfiled->ids.count && err == 0 && found == 1; ++i)
        if (unfiled->tickets[i] == ticket_id)
            err = texts_add(&r.unfiled, unfiled->ids.items[i]);
    if (err == 0 && found == 1)
        err = send(c, client, &r);
    reading_free(&r);
    return err;
}

/* The epoch names the server that holds it, so that a restarted or promoted one is noticed also after our own restart.
 */
static int new_epoch(struct redis_client *client)
{
    char run_id[41], epoch[64];
    uint64_t noise;
    int err = redis_client_run_id(client, run_id);
    if (err == 0 && getrandom(&noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
        err = -EIO;
    if (err < 0)
        return err;
    snprintf(epoch, sizeof(epoch), "%s-%016llx", run_id, (unsigned long long)noise);
    return attempts_epoch_set(client, epoch);
}

int projection_all(struct storage *s, struct db_conn *c, struct redis_client *client)
{
    struct unfiled unfiled = {.storage = s};
    int64_t ids[PAGE], after = 0;
    size_t count = 0, total = 0;
    int err = store_each(spool_new_fd(s->spool), on_unfiled, &unfiled);

    do {
        if (err == 0)
            err = read_page(c, storage_statement(PROJECTION_PAGE), after, ids, &count);
        for (size_t i = 0; i < count && err == 0; ++i)
            err = project_fully(c, client, after = ids[i], &unfiled);
        total += count;
    } while (err == 0 && count == PAGE);
    if (err == 0)
        err = new_epoch(client);
    texts_free(&unfiled.ids);
    free(unfiled.tickets);
    if (err == 0) {
        ADMIN_COUNT(PROJECTIONS_FULL);
        log_info("projection.full", LOG_I("tickets", total));
    }
    return err;
}

static int projection_due_one(struct db_conn *c, struct redis_client *client, int64_t ticket_id)
{
    int found = projection_ticket(c, client, ticket_id, NULL, NULL);
    return found < 0 ? found : 0;
}

static int project_due(struct db_conn *c, struct redis_client *client)
{
    int64_t ids[PAGE], after = 0;
    size_t count = 0;
    int err;
    do {
        err = read_page(c, storage_statement(PROJECTION_DUE), after, ids, &count);
        for (size_t i = 0; i < count && err == 0; ++i)
            err = projection_due_one(c, client, after = ids[i]);
    } while (err == 0 && count == PAGE);
    return err;
}

struct tombstone {
    int64_t id, ticket_id, rev;
    char token_hash[80];
};

static int read_tombstones(struct db_conn *c, struct tombstone out[PAGE], size_t *count)
{
    struct db_rows *rows;
    int more, err = db_query(c, &rows, storage_statement(TOMBSTONES));
    *count = 0;
    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1 && *count < PAGE) {
        struct tombstone *t = out + (*count)++;
        *t = (struct tombstone){.id = db_int(rows, 0), .ticket_id = db_int(rows, 1), .rev = db_int(rows, 3)};
        snprintf(t->token_hash, sizeof(t->token_hash), "%s", db_text(rows, 2));
    }
    db_rows_free(rows);
    return more < 0 ? more : 0;
}

static int bury(struct db_conn *c, struct redis_client *client)
{
    struct tombstone *stones = calloc(PAGE, sizeof(*stones));
    size_t count = 0;
    int err = stones == NULL ? -ENOMEM : read_tombstones(c, stones, &count);
    for (size_t i = 0; i < count && err == 0; ++i) {
        const struct projection gone = {.ticket_id = stones[i].ticket_id,
                                        .rev = stones[i].rev,
                                        .gone = 1,
                                        .token_hash = stones[i].token_hash,
                                        .platform = ""};
        err = attempts_project(client, &gone);
        int64_t n = err < 0 ? 0 : db_exec(c, storage_statement(TOMBSTONE_DONE), stones[i].id);
        if (err == 0 && n < 0)
            err = (int)n;
    }
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

int projection_sweep(struct storage *s, struct db_conn *c, struct redis_client *client)
{
    int current = is_current(client);
    int err = current < 0 ? current : current == 0 ? projection_all(s, c, client) : project_due(c, client);
    return err < 0 ? err : bury(c, client);
}
