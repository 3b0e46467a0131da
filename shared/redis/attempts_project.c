/* admin-api's half of the attempt rules: blocking calls over the scripts project, reconcile, forget and is_open. */
#include "shared/redis/attempts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/redis/reply.h"

#define NUMBER_SIZE  24
#define FIXED        11
#define LISTS        4
#define LINEAGE      "lc:lineage" /* as scripts/lineage.lua has it */
#define MARK_SECONDS "86400"      /* what a crash leaves behind goes by itself */

struct id_text {
    char digits[NUMBER_SIZE];
};

static const char *decimal(struct id_text *out, int64_t n)
{
    snprintf(out->digits, sizeof(out->digits), "%" PRId64, n);
    return out->digits;
}

/* Runs a script whose answer must be of this type; NULL with *err. */
static redisReply *run(struct redis_client *c, enum redis_script script, int argc, const char **argv, int type,
                       int *err)
{
    redisReply *r = redis_client_script(c, script, argc, argv, err);
    if (r == NULL)
        return NULL;
    *err = redis_reply_error(r);
    if (*err == 0 && r->type != type)
        *err = -EPROTO;
    if (*err < 0) {
        freeReplyObject(r);
        return NULL;
    }
    return r;
}

static int projection_run(struct redis_client *c, int argc, const char **argv, enum projection_fate *fate)
{
    int err;
    redisReply *r = run(c, REDIS_SCRIPT_project, argc, argv, REDIS_REPLY_STRING, &err);
    if (r == NULL)
        return err;
    *fate = strcmp(r->str, "gone") == 0    ? PROJECTION_GONE
            : strcmp(r->str, "older") == 0 ? PROJECTION_OLDER
                                           : PROJECTION_NEWER;
    freeReplyObject(r);
    return 0;
}

int attempts_project(struct redis_client *c, const struct projection *p)
{
    enum projection_fate fate;
    return attempts_project_fate(c, p, &fate);
}

int attempts_project_fate(struct redis_client *c, const struct projection *p, enum projection_fate *fate)
{
    const struct {
        const char *const *items;
        size_t count;
    } lists[LISTS] = {
        {p->filed, p->filed_count},
        {p->unfiled, p->unfiled_count},
        {p->freed_names, p->freed_count},
        {p->taken_names, p->taken_count},
    };
    struct id_text n[6 + LISTS];
    size_t total = FIXED + LISTS + 1;
    for (size_t i = 0; i < LISTS; ++i)
        total += lists[i].count;
    const char **argv = calloc(total, sizeof(*argv));
    if (argv == NULL)
        return -ENOMEM;

    const char *fixed[FIXED] = {
        decimal(&n[0], p->ticket_id),
        decimal(&n[1], p->rev),
        p->gone ? "1" : "0",
        p->token_hash != NULL ? p->token_hash : "",
        p->old_token_hash != NULL ? p->old_token_hash : "",
        decimal(&n[2], p->number),
        p->platform != NULL ? p->platform : "",
        decimal(&n[3], p->attempts),
        decimal(&n[4], p->expires_ms),
        p->resolved ? "1" : "0",
        decimal(&n[5], p->max_bytes),
    };
    memcpy(argv, fixed, sizeof(fixed));
    size_t at = FIXED;
    for (size_t i = 0; i < LISTS; ++i) {
        argv[at++] = decimal(&n[6 + i], (int64_t)lists[i].count);
        for (size_t k = 0; k < lists[i].count; ++k)
            argv[at++] = lists[i].items[k];
    }
    argv[at] = p->taken_are_all ? "1" : "0";
    int err = projection_run(c, (int)total, argv, fate);
    free(argv);
    return err;
}

static int copy_ids(const redisReply *r, char ***out, size_t *count)
{
    char **ids = calloc(r->elements + 1, sizeof(*ids));
    if (ids == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < r->elements; ++i) {
        ids[i] = strdup(redis_reply_text(r, i));
        if (ids[i] == NULL) {
            while (i > 0)
                free(ids[--i]);
            free(ids);
            return -ENOMEM;
        }
    }
    *out = ids;
    *count = r->elements;
    return 0;
}

static int run_ids(struct redis_client *c, enum redis_script script, int argc, const char **argv, char ***ids,
                   size_t *count)
{
    int err;
    redisReply *r = run(c, script, argc, argv, REDIS_REPLY_ARRAY, &err);
    if (r == NULL)
        return err;
    err = copy_ids(r, ids, count);
    freeReplyObject(r);
    return err;
}

int attempts_stale_done(struct redis_client *c, int64_t ticket_id, int64_t age_ms, char ***ids, size_t *count)
{
    struct id_text id, age;
    const char *argv[] = {decimal(&id, ticket_id), decimal(&age, age_ms)};
    return run_ids(c, REDIS_SCRIPT_reconcile, 2, argv, ids, count);
}

int attempts_open_uploads(struct redis_client *c, int64_t ticket_id, char ***ids, size_t *count)
{
    struct id_text id;
    const char *argv[] = {decimal(&id, ticket_id)};
    return run_ids(c, REDIS_SCRIPT_open_uploads, 1, argv, ids, count);
}

static int run_integer(struct redis_client *c, enum redis_script script, int64_t ticket_id, const char *upload_id)
{
    struct id_text id;
    const char *argv[] = {decimal(&id, ticket_id), upload_id};
    int err;
    redisReply *r = run(c, script, 2, argv, REDIS_REPLY_INTEGER, &err);
    if (r == NULL)
        return err;
    err = r->integer != 0;
    freeReplyObject(r);
    return err;
}

int attempts_forget_done(struct redis_client *c, int64_t ticket_id, const char *upload_id)
{
    int n = run_integer(c, REDIS_SCRIPT_forget, ticket_id, upload_id);
    return n < 0 ? n : 0;
}

int attempts_is_open(struct redis_client *c, int64_t ticket_id, const char *upload_id)
{
    return run_integer(c, REDIS_SCRIPT_is_open, ticket_id, upload_id);
}

int attempts_epoch_get(struct redis_client *c, char out[64])
{
    const char *argv[] = {"GET", "lc:epoch"};
    int err;
    redisReply *r = redis_client_command(c, 2, argv, NULL, &err);
    if (r == NULL)
        return err;
    err = redis_reply_error(r);
    if (err == 0 && r->type == REDIS_REPLY_NIL)
        err = -ENOENT;
    else if (err == 0 && (r->type != REDIS_REPLY_STRING || r->len >= 64))
        err = -EPROTO;
    if (err == 0)
        memcpy(out, r->str, r->len + 1);
    freeReplyObject(r);
    return err;
}

static int drop_epoch(struct redis_client *c)
{
    const char *argv[] = {"DEL", "lc:epoch"};
    return redis_client_tell(c, 2, argv);
}

static const char *mark_of(const char *epoch, char out[96])
{
    snprintf(out, 96, "lc:projecting:%.64s", epoch);
    return out;
}

int attempts_epoch_begin(struct redis_client *c, const char *epoch)
{
    char mark[96];
    const char *argv[] = {"SET", mark_of(epoch, mark), epoch, "EX", MARK_SECONDS};
    int err = drop_epoch(c);
    return err < 0 ? err : redis_client_tell(c, 5, argv);
}

/* The mark went if Redis lost its memory since: then the projection is lost with it, and there must be no epoch.
 * Another process' epoch stays: to change it would make the uploads reserved since look like those of before a loss. */
int attempts_epoch_set(struct redis_client *c, const char *epoch)
{
    char mark[96];
    const char *finish[] = {"RENAMENX", mark_of(epoch, mark), "lc:epoch"};
    const char *keep[] = {"PERSIST", "lc:epoch"}, *leave[] = {"DEL", mark};
    int err;
    redisReply *r = redis_client_command(c, 3, finish, NULL, &err);
    if (r == NULL)
        return err;
    bool first = redis_reply_int(r) == 1;
    err = redis_reply_error(r);
    freeReplyObject(r);
    if (err < 0)
        return err == -EPROTO ? -ESTALE : err; /* no such key */
    return redis_client_tell(c, 2, first ? keep : leave);
}

static int remove_keys(struct redis_client *c, const redisReply *keys)
{
    const char **argv = calloc(keys->elements + 1, sizeof(*argv));
    int argc = 1;
    if (argv == NULL)
        return -ENOMEM;
    argv[0] = "UNLINK";
    for (size_t i = 0; i < keys->elements; ++i)
        if (strcmp(redis_reply_text(keys, i), LINEAGE) != 0) /* or half of it, after a crash, would be nobody's */
            argv[argc++] = redis_reply_text(keys, i);
    int err = argc == 1 ? 0 : redis_client_tell(c, argc, argv);
    free(argv);
    return err;
}

/* One step of SCAN; `cursor` is "0" again at the end. */
static int clear_step(struct redis_client *c, char cursor[NUMBER_SIZE])
{
    const char *argv[] = {"SCAN", cursor, "MATCH", "lc:*", "COUNT", "512"};
    int err;
    redisReply *r = redis_client_command(c, 6, argv, NULL, &err);
    if (r == NULL)
        return err;
    err = redis_reply_error(r);
    if (err == 0 && (r->type != REDIS_REPLY_ARRAY || r->elements != 2))
        err = -EPROTO;
    if (err == 0)
        err = remove_keys(c, r->element[1]);
    if (err == 0)
        snprintf(cursor, NUMBER_SIZE, "%s", redis_reply_text(r, 0));
    freeReplyObject(r);
    return err;
}

int attempts_clear(struct redis_client *c)
{
    char cursor[NUMBER_SIZE] = "0";
    int err = drop_epoch(c); /* first */
    do {
        if (err == 0)
            err = clear_step(c, cursor);
    } while (err == 0 && strcmp(cursor, "0") != 0);
    return err;
}

/* --- lineage --- */

int attempts_lineage_get(struct redis_client *c, struct lineage *out)
{
    const char *argv[] = {"HMGET", LINEAGE, "lineage", "told"};
    int err;
    redisReply *r = redis_client_command(c, 4, argv, NULL, &err);
    if (r == NULL)
        return err;
    err = redis_reply_error(r);
    if (err == 0 && (r->type != REDIS_REPLY_ARRAY || r->elements != 2))
        err = -EPROTO;
    if (err == 0 && r->element[0]->type != REDIS_REPLY_STRING)
        err = -ENOENT;
    if (err == 0) {
        snprintf(out->name, sizeof(out->name), "%s", redis_reply_text(r, 0));
        out->told = strtoll(redis_reply_text(r, 1), NULL, 10);
    }
    freeReplyObject(r);
    return err;
}

int attempts_lineage_set(struct redis_client *c, const struct lineage *l, int anew)
{
    struct id_text told;
    const char *argv[] = {l->name, decimal(&told, l->told), anew ? "1" : "0"};
    int err;
    redisReply *r = run(c, REDIS_SCRIPT_lineage, 3, argv, REDIS_REPLY_STRING, &err);
    if (r != NULL)
        freeReplyObject(r);
    return err;
}
