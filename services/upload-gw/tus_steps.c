/*
 * The steps of a request to a resumable upload: take → load → admit → check → prepare → continue → receive (pause) →
 * over → kept → hash → commit → publish → let go → answer; a creation begins with reserve and check, then takes. From
 * anywhere: fail → discard → release → let go → refuse. What was received is kept whatever ends the request.
 */
#include "services/upload-gw/tus.h"

#include <string.h>

#include "services/upload-gw/metrics.h"
#include "services/upload-gw/reservations.h"
#include "shared/clock/clock.h"
#include "shared/crash/crash.h"
#include "shared/log/log.h"

#define AT_RISK_BYTES (INT64_C(64) << 20) /* received and not yet counted by a state on the disk */
#define AT_RISK_MS    (INT64_C(300) * 1000)
#define SOON_BYTES    (INT64_C(4) << 20) /* and so much once RESUME_LEASE has passed: a slow line brought it dearly */
#define AT_RISK_SHARE 4 /* of UPLOAD_EXPIRY: who still sends does not expire */

static enum upload_step lend(struct upload *u, void (*run)(struct pool_job *job, char *buffer, size_t size),
                             enum upload_step next)
{
    return upload_lend(u, u->lane->gateway->publishers, run, next);
}

bool tus_is_complete(const struct tus *t)
{
    return t->state.length >= 0 && t->state.offset == t->state.length;
}

bool tus_is_bounded(const struct tus *t)
{
    return t->state.length >= 0;
}

/* --- who and what --- */

static enum upload_step looked(struct upload *u)
{
    if (u->error != GATEWAY_OK)
        return UPLOAD_FAIL;
    u->ticket_id = u->tus->state.ticket_id;
    u->tus->how = HOLD_FOUND;
    return UPLOAD_TAKE;
}

static void on_receipt(void *arg, const struct hold_answer *a)
{
    struct upload *u = arg;
    struct tus *t = u->tus;
    t->finished = a->status == HOLD_FINISHED;
    t->end = t->finished ? HOLD_DONE : HOLD_GONE;
    t->final_size = a->size;
    memcpy(t->final_sha256, a->sha256, sizeof(t->final_sha256));
    u->error = t->finished ? GATEWAY_OK : a->status == HOLD_UNKNOWN ? GATEWAY_NOT_FOUND : GATEWAY_UNAVAILABLE;
    if (u->error == GATEWAY_UNAVAILABLE)
        t->end = HOLD_FREE;
    upload_go(u, u->error == GATEWAY_OK ? UPLOAD_LOADED : UPLOAD_FAIL);
}

/* It was published before: a client that missed the answer hears it again. */
static enum upload_step after_the_end(struct upload *u)
{
    struct tus *t = u->tus;
    if (t->verb == TUS_DELETE)
        return upload_fail(u, GATEWAY_NOT_FOUND);
    if (t->verb == TUS_PATCH && (t->request.offset != t->final_size || !u->body.over)) {
        u->limit = t->final_size;
        return upload_fail(u, GATEWAY_TUS_OFFSET);
    }
    return UPLOAD_LET_GO;
}

static enum gateway_error judge_length(struct upload *u)
{
    const struct tus *t = u->tus;
    const struct record_state *s = &t->state;
    if (t->request.length == 0)
        return GATEWAY_EMPTY_FILE;
    if (t->request.length > 0 && s->length >= 0 && t->request.length != s->length)
        return GATEWAY_TUS_LENGTH;
    u->why = "Upload-Length is less than what has arrived";
    return t->request.length > 0 && t->request.length < s->offset ? GATEWAY_TUS_FIELD : GATEWAY_OK;
}

static enum gateway_error judge(struct upload *u)
{
    struct tus *t = u->tus;
    const struct record_state *s = &t->state;

    if (s->expires_us <= clock_now_us()) {
        int64_t most = u->lane->gateway->config.clock_ahead_max * 1000;
        if (most > 0 && clock_ahead_us() > most) /* it may be in time: not ours to discard */
            return GATEWAY_UNAVAILABLE;
        t->discards = true;
        return GATEWAY_TUS_EXPIRED;
    }
    if (t->verb != TUS_PATCH)
        return GATEWAY_OK;
    if (t->request.offset != s->offset) {
        u->limit = s->offset;
        return GATEWAY_TUS_OFFSET;
    }
    enum gateway_error e = judge_length(u);
    int64_t length = s->length >= 0 ? s->length : t->request.length;
    if (e == GATEWAY_OK && length >= 0 && u->body.left > length - s->offset) {
        u->limit = length;
        return GATEWAY_TOO_LARGE;
    }
    return e;
}

static enum gateway_error take_state(struct upload *u)
{
    const struct record_state *s = &u->tus->state;
    u->ticket_id = s->ticket_id;
    u->number = s->number;
    u->started_us = s->started_us;
    u->client = s->client;
    memcpy(u->epoch, s->epoch, sizeof(u->epoch));
    if (u->body.name == NULL && (u->body.name = strdup(s->name)) == NULL)
        return GATEWAY_UNAVAILABLE;
    return judge(u);
}

static enum upload_step loaded(struct upload *u)
{
    struct tus *t = u->tus;
    if (t->finished)
        return after_the_end(u);
    if (u->error == GATEWAY_NOT_FOUND) {
        hold_receipt(u->lane->link, u->id, on_receipt, u);
        return UPLOAD_WAIT;
    }
    if (u->error != GATEWAY_OK)
        return UPLOAD_FAIL;
    t->hold.fence = t->fence;
    enum gateway_error e = take_state(u);
    if (e != GATEWAY_OK)
        return upload_fail(u, e);
    if (t->verb == TUS_DELETE) {
        t->discards = true;
        return UPLOAD_DISCARD;
    }
    return t->verb == TUS_PATCH || tus_is_complete(t) ? UPLOAD_ADMIT : UPLOAD_LET_GO;
}

/* An upload that began in time may go on; it needs an attempt only if it had to yield its own. */
static enum gateway_error admit(struct upload *u, const struct admission *a)
{
    struct tus *t = u->tus;
    struct admission admission = *a;
    if (a->status == ADMISSION_DONE) /* committed before a crash, and not published yet */
        admission.status = ADMISSION_OK;
    enum gateway_error e = upload_take_admission(u, &admission);
    u->ticket_id = t->state.ticket_id;
    if (u->number == 0)
        u->number = t->state.number;
    if (u->epoch[0] == '\0')
        memcpy(u->epoch, t->state.epoch, sizeof(u->epoch));
    if (a->status == ADMISSION_GONE) {
        t->discards = true;
        return GATEWAY_GONE;
    }
    return a->status == ADMISSION_IN_USE && a->retry_ms == 0 ? GATEWAY_TUS_SPENT : e;
}

static void on_admitted(void *arg, const struct admission *a)
{
    struct upload *u = arg;
    struct tus *t = u->tus;
    enum gateway_error e = admit(u, a);
    if (e == GATEWAY_OK && t->request.length > u->limit)
        e = GATEWAY_TOO_LARGE;
    u->declared = t->state.length >= 0 ? t->state.length - t->state.offset : u->body.left > 0 ? u->body.left : 0;
    upload_go(u, e != GATEWAY_OK ? upload_fail(u, e) : tus_is_complete(t) ? UPLOAD_HASH : UPLOAD_CHECK);
}

static enum upload_step ask_admission(struct upload *u)
{
    attempts_renew(u->lane->link, u->ticket_id, u->id, u->epoch, u->lane->gateway->config.upload_lease, on_admitted, u);
    return UPLOAD_WAIT;
}

/* --- the part --- */

static enum gateway_error resume_sink(struct upload *u)
{
    struct tus *t = u->tus;
    const struct record_state *s = &t->state;
    struct gateway *g = u->lane->gateway;
    int fd = u->sink.spool != NULL ? u->sink.fd : -1;

    sink_init(&u->sink, g->spool, u->id, s->length >= 0 ? s->length : u->limit, g->config.storage_reserve, &g->coming,
              u->body.left >= 0 ? s->offset + u->body.left : -1);
    u->sink.fd = fd;
    u->sink.second = t->checksum;
    sink_resume(&u->sink, s->offset);
    u->pause_at = t->checksum != NULL ? INT64_MAX : s->offset + AT_RISK_BYTES;
    t->kept_ms = clock_steady_ms();
    return digest_load(&u->sink.digest, s->midstate.data, (uint64_t)s->offset) == 0 ? GATEWAY_OK : GATEWAY_STORAGE;
}

static enum upload_step begin_part(struct upload *u)
{
    struct tus *t = u->tus;
    t->declares = t->state.length < 0 && t->request.length > 0;
    if (t->declares)
        t->state.length = t->request.length;
    enum gateway_error e = t->asked ? GATEWAY_TUS_TAKEN : resume_sink(u);
    return e == GATEWAY_OK ? UPLOAD_CONTINUE : upload_fail(u, e);
}

static enum upload_step prepare(struct upload *u)
{
    struct tus *t = u->tus;
    if (t->verb != TUS_CREATE)
        return begin_part(u);
    t->state.ticket_id = u->ticket_id;
    t->state.number = u->number;
    return UPLOAD_TAKE;
}

static enum upload_step created(struct upload *u)
{
    struct tus *t = u->tus;
    t->discards = true; /* until its client knows where it is */
    if (u->error != GATEWAY_OK)
        return UPLOAD_FAIL;
    COUNT(UPLOADS_RESUMABLE);
    return begin_part(u);
}

static bool is_due(const struct upload *u)
{
    const struct gateway_config *config = &u->lane->gateway->config;
    int64_t share = config->upload_expiry / AT_RISK_SHARE;
    int64_t age = clock_steady_ms() - u->tus->kept_ms, news = u->sink.size - u->tus->state.offset;
    bool is_old = age > (share < AT_RISK_MS ? share : AT_RISK_MS);
    return news > 0 && (is_old || (age > config->resume_lease && news >= SOON_BYTES));
}

static enum upload_step received(struct upload *u)
{
    struct tus *t = u->tus;
    bool due = t->checksum == NULL && is_due(u);
    return u->outcome == RECEIVE_WAIT && u->problem == GATEWAY_OK && due ? UPLOAD_PAUSED : upload_received(u);
}

static enum upload_step paused(struct upload *u)
{
    return lend(u, tus_run_keep, UPLOAD_RESUMED);
}

static enum upload_step resumed(struct upload *u)
{
    if (u->error != GATEWAY_OK || u->tus->asked)
        return u->error != GATEWAY_OK ? UPLOAD_FAIL : upload_fail(u, GATEWAY_TUS_TAKEN);
    u->pause_at = u->sink.size + AT_RISK_BYTES;
    return upload_receive_more(u);
}

static enum upload_step over(struct upload *u)
{
    return lend(u, tus_run_end, UPLOAD_KEPT);
}

static enum upload_step kept(struct upload *u)
{
    if (u->error != GATEWAY_OK)
        return UPLOAD_FAIL;
    u->tus->discards = false;
    return tus_is_complete(u->tus) ? UPLOAD_HASH : UPLOAD_LET_GO;
}

/* --- the whole --- */

static enum upload_step hashed(struct upload *u)
{
    if (u->error != GATEWAY_OK)
        return UPLOAD_FAIL;
    digest_final(&u->sink.digest, u->sink.sha256);
    CRASH_POINT(TUS_WHOLE);
    return UPLOAD_COMMIT;
}

static enum upload_step hash(struct upload *u)
{
    enum gateway_error e = u->sink.spool == NULL ? resume_sink(u) : GATEWAY_OK;
    if (e != GATEWAY_OK)
        return upload_fail(u, e);
    return u->tus->state.rehash != 0 ? lend(u, tus_run_rehash, UPLOAD_HASHED) : UPLOAD_HASHED;
}

static enum upload_step published(struct upload *u)
{
    struct tus *t = u->tus;
    if (u->error != GATEWAY_OK)
        return UPLOAD_FAIL;
    publish_tell(u);
    t->finished = true;
    t->end = HOLD_DONE;
    t->final_size = u->sink.size;
    digest_hex(u->sink.sha256, DIGEST_SIZE, t->final_sha256);
    return UPLOAD_LET_GO;
}

/* --- failing --- */

static enum upload_step failing(struct upload *u)
{
    struct tus *t = u->tus;
    if (u->error == GATEWAY_GONE)
        t->discards = true;
    u->next = UPLOAD_FAIL; /* nothing stops it twice */
    bool open = u->sink.spool != NULL && u->sink.fd >= 0;
    return t->holds && open && !t->discards ? lend(u, tus_run_break, UPLOAD_DISCARD) : UPLOAD_DISCARD;
}

static enum upload_step discard(struct upload *u)
{
    struct tus *t = u->tus;
    if (!t->discards || !t->holds || !tus_still_ours(t))
        return UPLOAD_RELEASE;
    t->end = HOLD_GONE;
    return lend(u, tus_run_remove, UPLOAD_RELEASE);
}

static void on_released(void *arg)
{
    upload_go(arg, UPLOAD_LET_GO);
}

/* The attempt of an upload that is no more goes back before its client hears of it. */
static enum upload_step release(struct upload *u)
{
    const struct tus *t = u->tus;
    bool over = t->discards || (t->verb == TUS_CREATE && u->admitted);
    if (over)
        reservations_set(u->lane->gateway->reservations, u->id, 0);
    if (!over || u->ticket_id == 0 || u->committed)
        return UPLOAD_LET_GO;
    u->failed = true; /* no heartbeat takes it again */
    attempts_release(u->lane->link, u->ticket_id, u->id, on_released, u);
    return UPLOAD_WAIT;
}

/* Clients take any refusal of HEAD but 423 for the upload's end and begin anew: what may be over soon is 423 to them.
 */
static enum upload_step refuse(struct upload *u)
{
    if (u->tus->verb == TUS_HEAD && gateway_errors[u->error].status >= 500) {
        log_warn("upload.unavailable", LOG_S("upload_id", u->id), LOG_S("reason", gateway_errors[u->error].id));
        u->error = GATEWAY_TUS_WAIT;
    }
    return upload_refuse(u);
}

const upload_step_run tus_steps[UPLOAD_STEPS] = {
    [UPLOAD_RESERVE] = upload_reserve,
    [UPLOAD_CHECK] = upload_check,
    [UPLOAD_PREPARE] = prepare,
    [UPLOAD_TAKE] = tus_take,
    [UPLOAD_LOOKED] = looked,
    [UPLOAD_LOADED] = loaded,
    [UPLOAD_ADMIT] = ask_admission,
    [UPLOAD_CREATED] = created,
    [UPLOAD_CONTINUE] = upload_continue,
    [UPLOAD_RECEIVE] = upload_receive,
    [UPLOAD_RECEIVED] = received,
    [UPLOAD_PAUSED] = paused,
    [UPLOAD_RESUMED] = resumed,
    [UPLOAD_OVER] = over,
    [UPLOAD_KEPT] = kept,
    [UPLOAD_HASH] = hash,
    [UPLOAD_HASHED] = hashed,
    [UPLOAD_COMMIT] = publish_commit,
    [UPLOAD_PUBLISH] = publish_record,
    [UPLOAD_PUBLISHED] = published,
    [UPLOAD_FAIL] = failing,
    [UPLOAD_DISCARD] = discard,
    [UPLOAD_RELEASE] = release,
    [UPLOAD_LET_GO] = tus_let_go,
    [UPLOAD_ANSWER] = tus_answer,
    [UPLOAD_REFUSE] = refuse,
};
