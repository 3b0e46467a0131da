/*
 * From the last byte to 201: fsync, commit of the attempt, manifest, rename. Nothing is acknowledged before the rename
 * and its fsyncs are through; a failed fsync is final. See the order of steps in upload.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/records.h"
#include "services/upload-gw/answer.h"
#include "services/upload-gw/metrics.h"
#include "services/upload-gw/room.h"
#include "services/upload-gw/upload.h"
#include "shared/clock/clock.h"
#include "shared/crash/crash.h"
#include "shared/http/percent.h"
#include "shared/log/log.h"

#define SUFFIXED_NAMES 2

static void fill_manifest(const struct upload *u, struct record_manifest *m)
{
    *m = (struct record_manifest){.version = 1,
                                  .ticket_id = u->ticket_id,
                                  .number = u->number,
                                  .size = u->sink.size,
                                  .started_us = u->started_us,
                                  .finished_us = clock_now_us()};
    memcpy(m->upload_id, u->id, sizeof(u->id));
    snprintf(m->name, sizeof(m->name), "%s", u->body.name);
    snprintf(m->client, sizeof(m->client), "%s", u->client);
    snprintf(m->method, sizeof(m->method), "%s", u->method);
    m->sha256.len = DIGEST_SIZE;
    memcpy(m->sha256.data, u->sink.sha256, DIGEST_SIZE);
}

/* For a sweep, should this process be killed between commit and publish; the upload does without it. */
static void write_draft(const struct upload *u)
{
    struct record_manifest draft;
    void *bytes = NULL;
    size_t len = 0;

    fill_manifest(u, &draft);
    if (record_manifest_encode(&draft, &bytes, &len) == 0 && spool_draft_write(u->sink.spool, u->id, bytes, len) < 0)
        COUNT(DRAFTS_FAILED);
    free(bytes);
}

static void run_sync(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    (void)buffer;
    (void)size;
    u->error = sink_finish(&u->sink);
    if (u->error == GATEWAY_OK)
        write_draft(u);
    loop_post(u->lane->loop, &u->done);
}

enum upload_step publish_sync(struct upload *u)
{
    return upload_lend(u, u->lane->gateway->publishers, run_sync, UPLOAD_SYNCED);
}

enum upload_step publish_synced(struct upload *u)
{
    return u->error == GATEWAY_OK ? UPLOAD_COMMIT : UPLOAD_FAIL;
}

static bool set_name(struct upload *u, const char *name)
{
    char *copy = strdup(name);
    if (copy == NULL)
        return false;
    free(u->body.name);
    u->body.name = copy;
    return true;
}

static void on_committed(void *arg, enum commit_status status, const char *name, int64_t left)
{
    struct upload *u = arg;
    char suffixed[FILENAME_SIZE];
    bool named = true;

    CRASH_POINT(COMMITTED);
    u->left = left;
    u->committed = status == COMMIT_OK || status == COMMIT_UNAVAILABLE; /* which may have happened */
    switch (status) {
    case COMMIT_OK:
        named = set_name(u, name);
        break;
    case COMMIT_UNAVAILABLE: /* published all the same; which names are taken is unknown, so it gets a new one */
        u->uncounted = true;
        named = filename_suffixed(u->body.name, suffixed) > 0 && set_name(u, suffixed);
        break;
    case COMMIT_GONE:
        u->error = GATEWAY_GONE;
        break;
    case COMMIT_REFUSED:
        u->error = GATEWAY_EXPIRED;
        break;
    }
    if (!named)
        u->error = GATEWAY_STORAGE;
    upload_go(u, u->error == GATEWAY_OK ? UPLOAD_PUBLISH : UPLOAD_FAIL);
}

/* What the customer's page may show of this upload later; the script adds the name it claims. */
static char *receipt_of(const struct upload *u)
{
    char hex[DIGEST_HEX_SIZE];
    digest_hex(u->sink.sha256, DIGEST_SIZE, hex);
    json_t *receipt = json_pack("{s:s, s:I, s:s, s:I}", "upload_id", u->id, "size", (json_int_t)u->sink.size, "sha256",
                                hex, "time_us", (json_int_t)clock_now_us());
    char *text = receipt == NULL ? NULL : json_dumps(receipt, JSON_COMPACT);
    json_decref(receipt);
    return text;
}

enum upload_step publish_commit(struct upload *u)
{
    char names[SUFFIXED_NAMES][FILENAME_SIZE];
    struct commit_request request = {
        .ticket_id = u->ticket_id, .upload_id = u->id, .epoch = u->epoch, .names = {u->body.name}};
    char *receipt = receipt_of(u);

    for (int i = 0; i < SUFFIXED_NAMES; ++i) {
        if (filename_suffixed(u->body.name, names[i]) < 0)
            break;
        request.names[i + 1] = names[i];
    }
    request.receipt = receipt == NULL ? "{}" : receipt;
    attempts_commit(u->lane->link, &request, on_committed, u);
    CRASH_POINT(COMMIT_ASKED);
    free(receipt);
    return UPLOAD_WAIT;
}

int publish_manifest(struct spool *spool, const struct record_manifest *manifest)
{
    void *bytes = NULL;
    size_t len = 0;
    int err = record_manifest_encode(manifest, &bytes, &len);
    if (err == 0)
        err = spool_publish(spool, manifest->upload_id, bytes, len);
    free(bytes);
    return err;
}

static void run_publish(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    struct record_manifest manifest;
    (void)buffer;
    (void)size;

    fill_manifest(u, &manifest);
    int err = publish_manifest(u->sink.spool, &manifest);
    if (err == 0 && u->tus != NULL) {
        CRASH_POINT(TUS_PUBLISHED);
        spool_state_remove(u->sink.spool, u->id);
    }
    if (err < 0)
        u->error = sink_fail(&u->sink, -err);
    else
        (void)sink_close(&u->sink);
    loop_post(u->lane->loop, &u->done);
}

enum upload_step publish_record(struct upload *u)
{
    return upload_lend(u, u->lane->gateway->publishers, run_publish, UPLOAD_PUBLISHED);
}

void publish_wake(struct lane *lane, int64_t ticket_id, const char *upload_id)
{
    struct record_finished record = {.ticket_id = ticket_id};
    void *bytes = NULL;
    size_t len;
    memcpy(record.upload_id, upload_id, sizeof(record.upload_id));
    if (record_finished_encode(&record, &bytes, &len) == 0)
        attempts_wake(lane->link, bytes, len);
    free(bytes); /* a wake-up that is lost costs some seconds: admin-api sweeps */
}

static json_t *download_url(const struct upload *u)
{
    const char *base = u->lane->gateway->config.public_url;
    char path[64 + PERCENT_ROOM(FILENAME_SIZE)];
    int at = snprintf(path, sizeof(path), "/archives/download/%lld/", (long long)u->number);

    percent_encode(u->body.name, PERCENT_UNRESERVED, path + at, sizeof(path) - (size_t)at);
    size_t base_len = base == NULL ? 0 : strlen(base);
    if (base_len > 0 && base[base_len - 1] == '/')
        --base_len;
    return json_pack("s#+", base_len > 0 ? base : "", (int)base_len, path);
}

void publish_tell(struct upload *u)
{
    char hex[DIGEST_HEX_SIZE];

    CRASH_POINT(PUBLISHED);
    publish_wake(u->lane, u->ticket_id, u->id);
    CRASH_POINT(WOKEN);
    digest_hex(u->sink.sha256, DIGEST_SIZE, hex);
    log_info("upload.published", LOG_S("upload_id", u->id), LOG_I("ticket", u->number), LOG_I("size", u->sink.size),
             LOG_S("sha256", hex), LOG_I("ms", (clock_now_us() - u->started_us) / 1000), LOG_S("method", u->method),
             LOG_S("client", u->client), LOG_S("uncounted", u->uncounted ? "redis away" : NULL));
    COUNT(UPLOADS_PUBLISHED);
    room_wrote(u->lane->gateway->room, true);
    histogram_observe(&gateway_histograms[GATEWAY_HISTOGRAM_UPLOAD], clock_now_us() - u->started_us);
    if (u->uncounted)
        COUNT(UPLOADS_UNCOUNTED);
}

/* A browser is led to the receipt: it can be loaded again without sending the file again. Where nobody could count, no
 * page could show it. */
static void lead_to_receipt(struct upload *u)
{
    struct conn *c = u->conn;
    char location[sizeof("Location: /u/?received=\r\n") + TOKEN_SIZE + SPOOL_ID_SIZE];

    snprintf(location, sizeof(location), "Location: /u/%s?received=%s\r\n", u->token, u->id);
    upload_end(u);
    answer_empty(c, 303, location);
    CRASH_POINT(ANSWERED);
}

static void answer_published(struct upload *u, const char *hex)
{
    struct conn *c = u->conn;
    char name[FILENAME_SIZE];
    struct answer_context x = {.name = name, .size = u->sink.size, .sha256 = hex, .number = u->number, .left = u->left};
    snprintf(name, sizeof(name), "%s", u->body.name);
    upload_end(u);
    answer_received(c, &x);
    CRASH_POINT(ANSWERED);
}

enum upload_step publish_finish(struct upload *u)
{
    struct conn *c = u->conn;
    char hex[DIGEST_HEX_SIZE];

    if (u->error != GATEWAY_OK)
        return UPLOAD_FAIL;
    publish_tell(u);
    digest_hex(u->sink.sha256, DIGEST_SIZE, hex);
    if (c->form && u->left >= 0) {
        lead_to_receipt(u);
        return UPLOAD_WAIT;
    }
    if (c->plain) {
        answer_published(u, hex);
        return UPLOAD_WAIT;
    }
    json_t *body = json_pack("{s:o, s:I, s:I, s:s, s:s}", "file", download_url(u), "ticket", (json_int_t)u->number,
                             "size", (json_int_t)u->sink.size, "sha256", hex, "upload_id", u->id);
    upload_end(u);
    answer_json(c, 201, body, NULL);
    CRASH_POINT(ANSWERED);
    return UPLOAD_WAIT;
}
