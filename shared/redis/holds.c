/* The scripts of scripts/hold_*.lua as typed calls; see holds.h. */
#include "shared/redis/holds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/redis/reply.h"

#define BOX_PREFIX     "lc:box:{"
#define LISTEN_SLACK_S 5

struct asking {
    hold_cb cb;
    void *arg;
};

static const struct {
    const char *word;
    enum hold_status status;
} words[] = {
    {"ok", HOLD_OK}, {"held", HOLD_HELD}, {"finished", HOLD_FINISHED}, {"unknown", HOLD_UNKNOWN}, {"lost", HOLD_LOST}};

static void read_answer(const redisReply *r, struct hold_answer *a)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); ++i)
        if (strcmp(redis_reply_text(r, 0), words[i].word) == 0)
            a->status = words[i].status;
    if (strcmp(redis_reply_text(r, 0), "crowded") == 0)
        a->status = strcmp(redis_reply_text(r, 1), "ticket") == 0 ? HOLD_CROWDED_TICKET : HOLD_CROWDED_NETWORK;
    a->fence = a->left_ms = a->size = redis_reply_number(r, 1);
    a->wanted = a->fence == 1;
    a->lapsed = strcmp(redis_reply_text(r, 2), "1") == 0;
    snprintf(a->sha256, sizeof(a->sha256), "%s", redis_reply_text(r, 2));
}

static void on_answer(void *arg, const redisReply *reply, int err)
{
    struct asking asking = *(struct asking *)arg;
    struct hold_answer a = {.status = HOLD_UNAVAILABLE};
    free(arg);
    if (err == 0 && reply->type == REDIS_REPLY_ARRAY)
        read_answer(reply, &a);
    else if (err == 0)
        a.status = HOLD_OK;
    asking.cb(asking.arg, &a);
}

static void ask(struct redis_link *l, enum redis_script script, int argc, const char **argv, hold_cb cb, void *arg)
{
    struct asking *asking = malloc(sizeof(*asking));
    if (asking == NULL)
        abort(); /* a request without an answer would hang for ever */
    *asking = (struct asking){cb, arg};
    redis_link_script(l, 0, script, argc, argv, on_answer, asking);
}

void hold_take(struct redis_link *l, const struct hold *h, enum hold_how how, const struct hold_limits *limits,
               hold_cb cb, void *arg)
{
    static const char *const hows[] = {[HOLD_NEW] = "new", [HOLD_KNOWN] = "known", [HOLD_FOUND] = "found"};
    static const struct hold_limits none = {.network = ""};
    const struct hold_limits *most = limits != NULL ? limits : &none;
    char lease[REDIS_NUMBER_SIZE], keep[REDIS_NUMBER_SIZE], ticket[REDIS_NUMBER_SIZE], of_ticket[REDIS_NUMBER_SIZE],
        of_network[REDIS_NUMBER_SIZE], expiry[REDIS_NUMBER_SIZE];
    const char *argv[] = {h->upload_id,
                          h->holder,
                          h->box,
                          redis_number(h->lease_ms, lease),
                          redis_number(h->keep_ms, keep),
                          hows[how],
                          redis_number(h->ticket_id, ticket),
                          most->network,
                          redis_number(most->per_ticket, of_ticket),
                          redis_number(most->per_network, of_network),
                          redis_number(most->expiry_ms, expiry)};
    ask(l, REDIS_SCRIPT_hold_take, limits != NULL ? 11 : 7, argv, cb, arg);
}

void hold_keep(struct redis_link *l, const struct hold *h, hold_cb cb, void *arg)
{
    char lease[REDIS_NUMBER_SIZE], keep[REDIS_NUMBER_SIZE], fence[REDIS_NUMBER_SIZE];
    const char *argv[] = {h->upload_id,
                          h->holder,
                          h->box,
                          redis_number(h->lease_ms, lease),
                          redis_number(h->keep_ms, keep),
                          redis_number(h->fence, fence)};
    ask(l, REDIS_SCRIPT_hold_keep, 6, argv, cb, arg);
}

void hold_drop(struct redis_link *l, const struct hold *h, enum hold_end how, int64_t size, const char *sha256,
               hold_cb cb, void *arg)
{
    static const char *const hows[] = {[HOLD_FREE] = "free", [HOLD_DONE] = "finished", [HOLD_GONE] = "gone"};
    char keep[REDIS_NUMBER_SIZE], bytes[REDIS_NUMBER_SIZE];
    const char *argv[] = {h->upload_id, h->holder, redis_number(h->keep_ms, keep), hows[how], redis_number(size, bytes),
                          sha256};
    ask(l, REDIS_SCRIPT_hold_drop, 6, argv, cb, arg);
}

void hold_receipt(struct redis_link *l, const char *upload_id, hold_cb cb, void *arg)
{
    ask(l, REDIS_SCRIPT_hold_receipt, 1, &upload_id, cb, arg);
}

struct listening {
    hold_asked_cb cb;
    void *arg;
};

static void on_asked(void *arg, const redisReply *reply, int err)
{
    struct listening listening = *(struct listening *)arg;
    bool somebody = err == 0 && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
    free(arg);
    listening.cb(listening.arg, somebody ? redis_reply_text(reply, 1) : NULL, err);
}

void hold_listen(struct redis_link *l, const char *box, unsigned seconds, hold_asked_cb cb, void *arg)
{
    char key[128], wait[REDIS_NUMBER_SIZE];
    struct listening *listening = malloc(sizeof(*listening));
    if (listening == NULL)
        abort();
    *listening = (struct listening){cb, arg};
    snprintf(key, sizeof(key), BOX_PREFIX "%s}", box);
    const char *argv[] = {"BLPOP", key, redis_number(seconds, wait)};
    redis_link_command(l, (seconds + LISTEN_SLACK_S) * 1000, 3, argv, on_asked, listening);
}
