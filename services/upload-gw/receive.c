/*
 * The receiver: recv → decode → hash → write in the worker's own memory, until the socket is dry or the budget spent.
 * A worker has seats for several uploads, so that it can hash two at once (digest_update_pair) and go on with another
 * one while direct writes of the first are under way. Of the connection it has the wire and the bytes held, both lent
 * with the upload; the descriptor stays open until its message is back.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "services/upload-gw/fast.h"
#include "services/upload-gw/metrics.h"
#include "services/upload-gw/room.h"
#include "services/upload-gw/upload.h"
#include "shared/clock/clock.h"

#define SEATS       4
#define PAIR        2                  /* seats that are filled at a time: more would not be hashed faster */
#define TURN_BYTES  (INT64_C(4) << 20) /* then others have their turn */
#define DIRECT_TURN (INT64_C(8) << 20)
#define OVER_MAX    HEAD_MAX_BYTES
#define PIECE       ((size_t)512 * 1024) /* received at a time, and hashed while the caches hold it */
#define HASH_PIECE  ((size_t)256 * 1024)
#define LEAST_ROOM  (HEAD_MAX_BYTES + GAP) /* of a stage; with less it is full */
#define GAP                                                                                                            \
    ((size_t)1024) /* more than a form's decoder holds back: what it gives out goes to the left of its input           \
                    */
#define IDLE_WRITE ((size_t)1024 * 1024) /* as much as is worth a write while none is under way */
#define WAIT_FOR   ((size_t)256 * 1024)  /* with less of an upload it is not worth waiting for the disk to look again */
#define PACE_BYTES (INT64_C(4) << 20)
#define FAST_US    125000 /* for so many bytes: from then on it is a bulk sender */
#define SLOW_US    500000 /* and here no longer */

struct seat {
    struct upload *u;   /* NULL: free */
    struct stage stage; /* base NULL: none */
    bool direct;        /* the stage lies in the ring's memory */
    bool dry;           /* nothing comes: looked at again once its writes are through */
    bool leaving;       /* once hashed and written */
    bool again;         /* back into the queue */
    int64_t budget;
};

struct worker {
    struct pool *pool;
    struct fast *fast; /* NULL: all through the page cache */
    struct ring *ring; /* ours while we run; NULL: not needed yet */
    char *memory[PAIR];
    bool taken[PAIR];
    size_t size; /* of each */
    struct seat seats[SEATS];
};

/* --- feeding --- */

static void count_received(struct upload *u, size_t n)
{
    int64_t ahead = u->sink.allocated - u->sink.size; /* taken from the disk already */
    int64_t still = u->body.left - (ahead > 0 ? ahead : 0);
    still = u->coming == 0 || still < 0 ? 0 : still;
    room_take(u->lane->gateway->room, u->coming > 0 ? u->coming - still : (int64_t)n);
    atomic_fetch_sub_explicit(&u->lane->gateway->coming, u->coming - still, memory_order_relaxed);
    u->coming = still;
    atomic_fetch_add_explicit(&u->received, (int64_t)n, memory_order_relaxed);
    COUNT_BY(BYTES_RECEIVED, (int64_t)n);
}

/* Bytes after a chunked body belong to the next request. */
static void keep_rest(struct upload *u, const char *data, size_t len)
{
    u->over_lost = len > OVER_MAX || (len > 0 && (u->over = malloc(len)) == NULL);
    if (u->over_lost || len == 0)
        return;
    memcpy(u->over, data, len);
    u->over_len = len;
}

static bool feed(struct upload *u, const char *data, size_t len)
{
    size_t used = 0;
    enum gateway_error e = body_feed(&u->body, data, len, &used, &u->sink);
    count_received(u, used);
    if (e != GATEWAY_OK) {
        u->error = e;
        u->outcome = RECEIVE_REFUSED;
        return false;
    }
    if (!u->body.over)
        return true;
    keep_rest(u, data + used, len - used);
    u->outcome = RECEIVE_OVER;
    return false;
}

/* Came in with the head; the loop lent it with the upload. */
static bool feed_held(struct upload *u)
{
    struct conn *c = u->conn;
    size_t len = c->held_len;
    c->held_len = 0;
    bool more = feed(u, c->held, len);
    free(c->held); /* up to a whole head's size: an upload that stalls need not keep it */
    c->held = NULL;
    return more;
}

/* Who sends fast is worth large blocks of memory. The clock runs from the first bytes on. */
static void measure(struct upload *u, size_t n)
{
    u->pace_bytes += (int64_t)n;
    if (u->pace_bytes < PACE_BYTES && u->pace_us != 0)
        return;
    int64_t now = clock_now_us(), took = now - u->pace_us;
    if (u->pace_us != 0)
        upload_set_bulk(u, took >= 0 && took < (u->bulk ? SLOW_US : FAST_US));
    u->pace_us = now;
    u->pace_bytes = 0;
}

/* --- memory --- */

static bool goes_direct(struct worker *w, const struct upload *u)
{
    if (w->fast == NULL || u->sink.no_direct || !(u->bulk || u->lane->gateway->config.fast_lane == FAST_ALWAYS))
        return false;
    if (w->ring == NULL)
        w->ring = fast_take(w->fast);
    return w->ring != NULL;
}

static char *take_memory(struct worker *w)
{
    for (size_t i = 0; i < PAIR; ++i)
        if (!w->taken[i]) {
            w->taken[i] = true;
            return w->memory[i];
        }
    return NULL;
}

static bool take_stage(struct worker *w, struct seat *s)
{
    s->direct = goes_direct(w, s->u);
    s->stage = (struct stage){.base = s->direct ? ring_block(w->ring) : take_memory(w),
                              .size = s->direct ? ring_block_size(w->ring) : w->size};
    if (s->stage.base != NULL)
        sink_stage(&s->u->sink, &s->stage, s->direct);
    return s->stage.base != NULL;
}

static void refuse(struct seat *s, enum gateway_error e)
{
    s->u->error = e;
    s->u->outcome = RECEIVE_REFUSED;
    s->leaving = true;
    s->again = false;
}

/* Writes the stage, which has been hashed, and gives it up. */
static void store(struct worker *w, struct seat *s)
{
    enum gateway_error e;
    if (s->direct) {
        e = ring_store(w->ring, &s->u->sink, &s->stage);
    } else {
        e = sink_store(&s->u->sink, &s->stage);
        w->taken[s->stage.base == w->memory[0] ? 0 : 1] = false;
    }
    s->stage = (struct stage){.base = NULL};
    s->u->sink.stage = NULL;
    if (e != GATEWAY_OK)
        refuse(s, e);
}

/* --- one seat --- */

/* A disk that has nothing to do gets what is there. */
static bool is_full(const struct worker *w, const struct seat *s)
{
    const struct stage *stage = &s->stage;
    if (!s->direct)
        return stage->len > 0;
    return stage->size - stage->begin - stage->len < LEAST_ROOM || (stage->len >= IDLE_WRITE && !ring_is_busy(w->ring));
}

/* Others wait: it leaves, to come back after them. */
static void end_turn(struct worker *w, struct seat *s)
{
    s->budget = s->direct ? DIRECT_TURN : TURN_BYTES;
    s->again = s->leaving = pool_waiting(w->pool) > 0;
}

static void on_nothing(struct worker *w, struct seat *s, ssize_t why)
{
    struct upload *u = s->u;
    bool worthwhile = s->direct && (u->sink.writing > 0 || s->stage.len >= WAIT_FOR);
    if (why == -EAGAIN && worthwhile) {
        store(w, s);
        s->dry = true;
        return;
    }
    u->outcome = why == 0 ? RECEIVE_ENDED : why == -EAGAIN ? RECEIVE_WAIT : RECEIVE_RESET;
    s->leaving = true;
}

static void receive_some(struct worker *w, struct seat *s)
{
    struct upload *u = s->u;
    size_t gap = u->body.left >= 0 && u->body.form == NULL ? 0 : GAP, at = s->stage.begin + s->stage.len + gap;
    size_t room = s->stage.size - at;
    char *place = s->stage.base + at;

    if (u->conn->held_len > 0) {
        s->leaving = !feed_held(u);
        return;
    }
    ssize_t n = wire_recv(&u->conn->wire, place, body_wants(&u->body, room < PIECE ? room : PIECE));
    if (n <= 0) {
        on_nothing(w, s, n);
        return;
    }
    measure(u, (size_t)n);
    s->budget -= n;
    if (!feed(u, place, (size_t)n))
        s->leaving = true;
    else if (s->budget <= 0)
        end_turn(w, s);
}

/* Did anything move? Not if it waits for the disk. */
static bool fill(struct worker *w, struct seat *s)
{
    struct upload *u = s->u;
    if (s->dry && u->sink.writing > 0)
        return false;
    s->dry = false;
    if (u->sink.fault != GATEWAY_OK) {
        refuse(s, u->sink.fault);
    } else if (u->sink.size >= u->pause_at || atomic_load_explicit(&u->stop, memory_order_relaxed)) {
        u->outcome = u->sink.size < u->pause_at ? RECEIVE_WAIT : RECEIVE_PAUSE;
        s->leaving = true;
    } else {
        if (s->stage.base != NULL && is_full(w, s))
            store(w, s);
        if (s->leaving)
            return true;
        if (s->stage.base == NULL && !take_stage(w, s))
            return false;
        receive_some(w, s);
    }
    return true;
}

/* Its last writes are through: the upload is the loop's again, or the queue's. */
static bool leave(struct worker *w, struct seat *s)
{
    struct upload *u = s->u;
    bool stored = s->stage.base != NULL;
    if (stored)
        store(w, s);
    if (u->sink.writing > 0)
        return stored;
    if (u->sink.fault != GATEWAY_OK)
        refuse(s, u->sink.fault);
    bool again = s->again;
    s->u = NULL;
    if (again)
        pool_add(w->pool, &u->job);
    else
        loop_post(u->lane->loop, &u->done);
    return true;
}

/* --- all of them --- */

static void sit_down(struct worker *w, struct pool_job *job)
{
    for (size_t i = 0; i < SEATS; ++i)
        if (w->seats[i].u == NULL) {
            w->seats[i] = (struct seat){.u = upload_of_job(job), .budget = TURN_BYTES};
            return;
        }
}

static size_t count_seats(const struct worker *w, bool filling)
{
    size_t n = 0;
    for (size_t i = 0; i < SEATS; ++i)
        n += w->seats[i].u != NULL && (!filling || !(w->seats[i].leaving || w->seats[i].dry));
    return n;
}

/* A second one, where nobody else is free to take it. */
static void take_more(struct worker *w)
{
    struct pool_job *job;
    while (count_seats(w, true) < PAIR && count_seats(w, false) < SEATS && (job = pool_try(w->pool)) != NULL)
        sit_down(w, job);
}

static size_t unhashed(const struct seat *s)
{
    return s->u != NULL && s->stage.base != NULL ? s->stage.len - s->stage.hashed : 0;
}

static const char *next_to_hash(const struct seat *s)
{
    return s->stage.base + s->stage.begin + s->stage.hashed;
}

static bool hash(struct worker *w)
{
    struct seat *found[PAIR] = {NULL, NULL};
    size_t n = HASH_PIECE, count = 0;
    for (size_t i = 0; i < SEATS && count < PAIR; ++i)
        if (unhashed(w->seats + i) > 0) {
            found[count++] = w->seats + i;
            n = unhashed(w->seats + i) < n ? unhashed(w->seats + i) : n;
        }
    if (count == 0)
        return false;
    if (count == 1)
        digest_update(&found[0]->u->sink.digest, next_to_hash(found[0]), n);
    else
        digest_update_pair(&found[0]->u->sink.digest, next_to_hash(found[0]), &found[1]->u->sink.digest,
                           next_to_hash(found[1]), n);
    for (size_t i = 0; i < count; ++i)
        found[i]->stage.hashed += n;
    return true;
}

static bool serve_seats(struct worker *w)
{
    bool moved = false;
    for (struct seat *s = w->seats; s < w->seats + SEATS; ++s)
        if (s->u != NULL && unhashed(s) == 0)
            moved = (s->leaving ? leave(w, s) : fill(w, s)) || moved;
    return hash(w) || moved;
}

void receive_run(struct pool_job *job, char *buffer, size_t size)
{
    struct gateway *g = upload_of_job(job)->lane->gateway;
    struct worker w = {
        .pool = g->receivers, .fast = g->fast, .memory = {buffer, buffer + size / PAIR}, .size = size / PAIR};
    sit_down(&w, job);
    while (count_seats(&w, false) > 0) {
        take_more(&w);
        bool moved = serve_seats(&w);
        if (w.ring != NULL)
            (void)ring_reap(w.ring, !moved);
    }
    fast_give(w.fast, w.ring);
}
