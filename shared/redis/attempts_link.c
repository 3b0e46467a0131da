/* The gateway's half of the attempt rules, over a link; see attempts.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/redis/attempts.h"
#include "shared/redis/reply.h"

/* What a script answers first; the rest of an admission stands in fixed places (scripts/prelude.lua). */
static const struct {
    const char *word;
    enum admission_status status;
} words[] = {
    {"no_epoch", ADMISSION_NO_EPOCH}, {"ok", ADMISSION_OK},         {"done", ADMISSION_DONE},
    {"unknown", ADMISSION_UNKNOWN},   {"gone", ADMISSION_GONE},     {"resolved", ADMISSION_RESOLVED},
    {"expired", ADMISSION_EXPIRED},   {"in_use", ADMISSION_IN_USE}, {"throttled", ADMISSION_THROTTLED},
    {"too_many", ADMISSION_TOO_MANY},
};

struct asking {
    attempts_cb cb;
    void *arg;
};

struct committing {
    attempts_commit_cb cb;
    void *arg;
};

static void read_admission(const redisReply *r, struct admission *a)
{
    *a = (struct admission){.status = ADMISSION_UNAVAILABLE};
    for (size_t i = 0; r != NULL && i < sizeof(words) / sizeof(words[0]); ++i)
        if (strcmp(redis_reply_text(r, 0), words[i].word) == 0)
            a->status = words[i].status;
    if (a->status == ADMISSION_UNAVAILABLE)
        return;
    a->ticket_id = redis_reply_number(r, 1);
    a->number = redis_reply_number(r, 2);
    a->attempts = redis_reply_number(r, 3);
    a->max_bytes = redis_reply_number(r, 4);
    a->expires_ms = redis_reply_number(r, 5);
    a->retry_ms = redis_reply_number(r, 6);
    a->resolved = strcmp(redis_reply_text(r, 7), "1") == 0;
    snprintf(a->platform, sizeof(a->platform), "%s", redis_reply_text(r, 8));
    snprintf(a->epoch, sizeof(a->epoch), "%s", redis_reply_text(r, 9));
}

static void on_admission(void *arg, const redisReply *reply, int err)
{
    struct asking asking = *(struct asking *)arg;
    struct admission a;
    free(arg);
    read_admission(err < 0 ? NULL : reply, &a);
    asking.cb(asking.arg, &a);
}

static void ask(struct redis_link *l, enum redis_script script, int argc, const char **argv, attempts_cb cb, void *arg)
{
    struct asking *asking = malloc(sizeof(*asking));
    if (asking == NULL)
        abort(); /* an upload without an answer would hang for ever */
    *asking = (struct asking){cb, arg};
    redis_link_script(l, 0, script, argc, argv, on_admission, asking);
}

void attempts_reserve(struct redis_link *l, const char *token_hash, const char *upload_id, int64_t lease_ms,
                      attempts_cb cb, void *arg)
{
    char lease[REDIS_NUMBER_SIZE];
    const char *argv[] = {token_hash, upload_id, redis_number(lease_ms, lease)};
    ask(l, REDIS_SCRIPT_reserve, 3, argv, cb, arg);
}

void attempts_reserve_within(struct redis_link *l, const char *token_hash, const char *upload_id, int64_t lease_ms,
                             const struct attempts_limits *limits, attempts_cb cb, void *arg)
{
    char lease[REDIS_NUMBER_SIZE], failed[REDIS_NUMBER_SIZE], window[REDIS_NUMBER_SIZE], uploads[REDIS_NUMBER_SIZE];
    const char *argv[] = {token_hash,
                          upload_id,
                          redis_number(lease_ms, lease),
                          limits->network,
                          redis_number(limits->failed_tokens, failed),
                          redis_number(limits->window_ms, window),
                          redis_number(limits->uploads, uploads)};
    ask(l, REDIS_SCRIPT_reserve, 7, argv, cb, arg);
}

void attempts_renew(struct redis_link *l, int64_t ticket_id, const char *upload_id, const char *epoch, int64_t lease_ms,
                    attempts_cb cb, void *arg)
{
    char ticket[REDIS_NUMBER_SIZE], lease[REDIS_NUMBER_SIZE];
    const char *argv[] = {redis_number(ticket_id, ticket), upload_id, epoch, redis_number(lease_ms, lease)};
    ask(l, REDIS_SCRIPT_renew, 4, argv, cb, arg);
}

void attempts_status(struct redis_link *l, const char *token_hash, attempts_cb cb, void *arg)
{
    ask(l, REDIS_SCRIPT_status, 1, &token_hash, cb, arg);
}

struct reading {
    attempts_receipts_cb cb;
    void *arg;
};

static void on_receipts(void *arg, const redisReply *reply, int err)
{
    struct reading reading = *(struct reading *)arg;
    const char *receipts[50];
    size_t count = 0;
    struct admission a;
    bool whole = err == 0 && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0;
    free(arg);
    read_admission(whole ? reply->element[0] : NULL, &a);
    for (size_t i = 1; whole && i < reply->elements && count < 50; ++i)
        receipts[count++] = redis_reply_text(reply, i);
    reading.cb(reading.arg, &a, receipts, count);
}

void attempts_receipts(struct redis_link *l, const char *token_hash, const struct attempts_limits *limits,
                       attempts_receipts_cb cb, void *arg)
{
    char failed[REDIS_NUMBER_SIZE], window[REDIS_NUMBER_SIZE];
    const char *argv[] = {token_hash, limits->network, redis_number(limits->failed_tokens, failed),
                          redis_number(limits->window_ms, window)};
    struct reading *reading = malloc(sizeof(*reading));
    if (reading == NULL)
        abort();
    *reading = (struct reading){cb, arg};
    redis_link_script(l, 0, REDIS_SCRIPT_receipts, 4, argv, on_receipts, reading);
}

void attempts_status_within(struct redis_link *l, const char *token_hash, const struct attempts_limits *limits,
                            attempts_cb cb, void *arg)
{
    char failed[REDIS_NUMBER_SIZE], window[REDIS_NUMBER_SIZE];
    const char *argv[] = {token_hash, limits->network, redis_number(limits->failed_tokens, failed),
                          redis_number(limits->window_ms, window)};
    ask(l, REDIS_SCRIPT_status, 4, argv, cb, arg);
}

struct releasing {
    void (*cb)(void *arg);
    void *arg;
};

static void on_released(void *arg, const redisReply *reply, int err)
{
    struct releasing releasing = *(struct releasing *)arg;
    (void)reply;
    (void)err;
    free(arg);
    releasing.cb(releasing.arg);
}

static void give_back(struct redis_link *l, enum redis_script script, int64_t ticket_id, const char *upload_id,
                      void (*cb)(void *arg), void *arg)
{
    char ticket[REDIS_NUMBER_SIZE];
    const char *argv[] = {redis_number(ticket_id, ticket), upload_id};
    struct releasing *releasing = malloc(sizeof(*releasing));
    if (releasing == NULL)
        abort();
    *releasing = (struct releasing){cb, arg};
    redis_link_script(l, 0, script, 2, argv, on_released, releasing);
}

void attempts_release(struct redis_link *l, int64_t ticket_id, const char *upload_id, void (*cb)(void *arg), void *arg)
{
    give_back(l, REDIS_SCRIPT_release, ticket_id, upload_id, cb, arg);
}

void attempts_forget(struct redis_link *l, int64_t ticket_id, const char *upload_id, void (*cb)(void *arg), void *arg)
{
    give_back(l, REDIS_SCRIPT_forget, ticket_id, upload_id, cb, arg);
}

static void on_committed(void *arg, const redisReply *reply, int err)
{
    struct committing committing = *(struct committing *)arg;
    const char *word = err < 0 ? "" : redis_reply_text(reply, 0);
    free(arg);
    if (strcmp(word, "ok") == 0)
        committing.cb(committing.arg, COMMIT_OK, redis_reply_text(reply, 1), redis_reply_number(reply, 2));
    else
        committing.cb(committing.arg,
                      strcmp(word, "gone") == 0      ? COMMIT_GONE
                      : strcmp(word, "refused") == 0 ? COMMIT_REFUSED
                                                     : COMMIT_UNAVAILABLE,
                      NULL, -1);
}

static struct committing *committing_new(attempts_commit_cb cb, void *arg)
{
    struct committing *committing = malloc(sizeof(*committing));
    if (committing == NULL)
        abort();
    *committing = (struct committing){cb, arg};
    return committing;
}

void attempts_claimed(struct redis_link *l, int64_t ticket_id, const char *upload_id, attempts_commit_cb cb, void *arg)
{
    char ticket[REDIS_NUMBER_SIZE];
    const char *argv[] = {redis_number(ticket_id, ticket), upload_id};
    redis_link_script(l, 0, REDIS_SCRIPT_claimed, 2, argv, on_committed, committing_new(cb, arg));
}

void attempts_commit(struct redis_link *l, const struct commit_request *r, attempts_commit_cb cb, void *arg)
{
    char ticket[REDIS_NUMBER_SIZE];
    const char *argv[4 + 4] = {redis_number(r->ticket_id, ticket), r->upload_id, r->epoch, r->receipt};
    int argc = 4;
    for (int i = 0; i < 4 && r->names[i] != NULL; ++i)
        argv[argc++] = r->names[i];
    redis_link_script(l, 0, REDIS_SCRIPT_commit, argc, argv, on_committed, committing_new(cb, arg));
}

static void on_woken(void *arg, const redisReply *reply, int err)
{
    (void)arg; /* a wake-up that is lost costs some seconds: admin-api sweeps */
    (void)reply;
    (void)err;
}

void attempts_wake(struct redis_link *l, const void *record, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * 256 + 1];
    const unsigned char *bytes = record;
    size_t n = len < 256 ? len : 256;
    for (size_t i = 0; i < n; ++i) { /* as hex: a command's words here are strings */
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * n] = '\0';
    const char *argv[] = {"PUBLISH", ATTEMPTS_WAKE, hex};
    redis_link_command(l, 0, 3, argv, on_woken, NULL);
}
