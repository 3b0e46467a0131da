/*
 * What resumable uploads do on the disk. Jobs of the publishers' pool: each has the upload to itself until its message
 * is posted, touches neither the loop nor the connection, and leaves its outcome in u->error.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/upload-gw/reservations.h"
#include "services/upload-gw/room.h"
#include "services/upload-gw/tus.h"
#include "shared/clock/clock.h"
#include "shared/crash/crash.h"

#define STATE_SIZE   8192
#define REHASH_BYTES (256 * 1024)

static enum gateway_error failed(struct upload *u, int err)
{
    if (err == 0)
        return GATEWAY_OK;
    if (err == -ESTALE)
        return GATEWAY_TUS_TAKEN;
    u->sink.error = -err;
    return err == -ENOSPC || err == -EDQUOT ? GATEWAY_NO_SPACE : GATEWAY_STORAGE;
}

static void done(struct upload *u)
{
    loop_post(u->lane->loop, &u->done); /* from here on the upload is the loop's again */
}

/* --- the state --- */

/* `data`: as spool_state_write takes it. */
static int write_state(struct upload *u, const struct record_state *state, int data)
{
    void *bytes = NULL;
    size_t len = 0;
    int err = record_state_encode(state, &bytes, &len);
    if (err == 0)
        err = spool_state_write(u->lane->gateway->spool, u->id, state->fence, bytes, len, data, tus_still_ours, u->tus);
    free(bytes);
    return err;
}

/* The next state by what the sink has; on the disk before it is believed. */
static int advance_state(struct upload *u, int data)
{
    struct tus *t = u->tus;
    struct record_state next = t->state;

    next.offset = u->sink.size;
    next.midstate.len = DIGEST_STATE_SIZE;
    digest_save(&u->sink.digest, next.midstate.data);
    next.fence = t->fence;
    next.expires_us = clock_now_us() + u->lane->gateway->config.upload_expiry * 1000;
    memcpy(next.epoch, u->epoch, sizeof(next.epoch));
    int err = write_state(u, &next, data);
    if (err == 0) {
        t->state = next;
        t->kept_ms = clock_steady_ms();
        reservations_set(u->lane->gateway->reservations, u->id, next.length >= 0 ? next.length - next.offset : 0);
    }
    return err;
}

static bool is_sound(const struct record_state *s, const char *id)
{
    struct digest digest;
    return s->version == 1 && strcmp(s->upload_id, id) == 0 && s->offset >= 0 &&
           (s->length == -1 || s->length >= s->offset) && s->name[0] != '\0' && strchr(s->name, '/') == NULL &&
           digest_load(&digest, s->midstate.data, (uint64_t)s->offset) == 0;
}

static int read_state(struct upload *u)
{
    char bytes[STATE_SIZE];
    ssize_t n = spool_state_read(u->lane->gateway->spool, u->id, bytes, sizeof(bytes));
    if (n < 0)
        return (int)n;
    int err = record_state_decode(bytes, (size_t)n, &u->tus->state);
    return err == 0 && !is_sound(&u->tus->state, u->id) ? -EBADMSG : err;
}

/* After a take-over without asking: the one before may still write data, so that what was hashed may not be what is
 * there. Said in the state before anything else, for all who come after. */
static int mark_rehash(struct upload *u)
{
    struct record_state next = u->tus->state;
    if (next.rehash != 0)
        return 0;
    next.rehash = 1;
    next.fence = u->tus->fence;
    int err = write_state(u, &next, -1);
    if (err == 0)
        u->tus->state = next;
    return err;
}

static int load(struct upload *u)
{
    struct tus *t = u->tus;
    int err = t->lapsed ? spool_state_seize(u->lane->gateway->spool, u->id) : 0;
    if (t->lapsed)
        CRASH_POINT(TUS_SEIZED);
    if (err == 0)
        err = read_state(u);
    if (err < 0)
        return err;
    if (t->state.fence >= t->fence) /* Redis has lost its memory */
        t->fence = t->state.fence + 1;
    return t->lapsed ? mark_rehash(u) : 0;
}

void tus_run_look(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    (void)buffer;
    (void)size;
    int err = read_state(u);
    u->error = err == -ENOENT ? GATEWAY_NOT_FOUND : failed(u, err);
    done(u);
}

void tus_run_load(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    (void)buffer;
    (void)size;
    int err = load(u);
    u->error = err == -ENOENT ? GATEWAY_NOT_FOUND : failed(u, err);
    done(u);
}

void tus_run_create(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    (void)buffer;
    (void)size;
    int err = u->sink.fd = spool_create(u->sink.spool, u->id);
    if (err >= 0)
        err = advance_state(u, -1);
    if (err == 0)
        err = spool_created(u->sink.spool);
    CRASH_POINT(TUS_CREATED);
    u->error = failed(u, err);
    done(u);
}

/* --- the data --- */

/* The data is on the disk before the state that counts it takes its place. */
static enum gateway_error keep(struct upload *u)
{
    struct tus *t = u->tus;
    bool grown = u->sink.size > t->state.offset;
    bool end = t->state.length == u->sink.size;
    if (!grown && !end && !t->declares)
        return GATEWAY_OK;
    enum gateway_error e = sink_complete(&u->sink, end);
    e = e == GATEWAY_OK ? failed(u, advance_state(u, u->sink.fd)) : e;
    CRASH_POINT(TUS_COUNTED);
    return e;
}

void tus_run_keep(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    (void)buffer;
    (void)size;
    u->error = keep(u);
    done(u);
}

void tus_run_end(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    struct tus *t = u->tus;
    (void)buffer;
    (void)size;
    if (t->checksum != NULL && !checksum_matches(t->checksum)) {
        sink_rewind(&u->sink, t->state.offset);
        u->error = GATEWAY_TUS_MISMATCH;
    } else {
        u->error = keep(u);
        enum gateway_error e = sink_close(&u->sink);
        u->error = u->error == GATEWAY_OK ? e : u->error;
    }
    done(u);
}

/* What came is kept, unless a checksum was to vouch for it, or it did not get into the file whole. The reason why the
 * part ended stays the answer. */
void tus_run_break(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    struct tus *t = u->tus;
    (void)buffer;
    (void)size;
    if (t->checksum != NULL && tus_still_ours(t))
        sink_rewind(&u->sink, t->state.offset);
    else if (t->checksum == NULL && u->sink.error == 0 && tus_still_ours(t) && keep(u) == GATEWAY_TUS_TAKEN)
        u->error = GATEWAY_TUS_TAKEN;
    (void)sink_close(&u->sink);
    done(u);
}

static int rehash(struct upload *u, char *block)
{
    int err = 0, fd = spool_reopen(u->sink.spool, u->id);
    if (fd < 0)
        return fd;
    digest_init(&u->sink.digest);
    for (int64_t at = 0; at < u->sink.size && err == 0;) {
        int64_t left = u->sink.size - at;
        ssize_t n = pread(fd, block, left < REHASH_BYTES ? (size_t)left : REHASH_BYTES, at);
        if (n <= 0) {
            err = n < 0 ? -errno : -EIO;
            continue;
        }
        digest_update(&u->sink.digest, block, (size_t)n);
        at += n;
    }
    close(fd);
    return err;
}

void tus_run_rehash(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    char *block = malloc(REHASH_BYTES);
    (void)buffer;
    (void)size;
    u->error = failed(u, block == NULL ? -ENOMEM : rehash(u, block));
    free(block);
    done(u);
}

void tus_run_remove(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    (void)buffer;
    (void)size;
    (void)sink_close(&u->sink);
    (void)spool_discard(u->lane->gateway->spool, u->id); /* what cannot be removed now is swept by age */
    room_look(u->lane->gateway->room);
    done(u);
}
