/*
 * The receiver: recv → decode → hash → write in the worker's own buffer, until the socket is dry or the budget spent.
 * Of the connection it has the wire and the bytes held, both lent with the upload; the descriptor stays open until its
 * message is back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/upload-gw/metrics.h"
#include "services/upload-gw/room.h"
#include "services/upload-gw/upload.h"

#define TURN_BYTES (INT64_C(4) << 20) /* then others have their turn */
#define OVER_MAX   HEAD_MAX_BYTES

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

static bool receive_some(struct upload *u, char *buffer, size_t size, int64_t *budget)
{
    ssize_t n = wire_recv(&u->conn->wire, buffer, body_wants(&u->body, size));
    if (n > 0) {
        *budget -= n;
        return feed(u, buffer, (size_t)n);
    }
    u->outcome = n == 0 ? RECEIVE_ENDED : n == -EAGAIN ? RECEIVE_WAIT : RECEIVE_RESET;
    return false;
}

void receive_run(struct pool_job *job, char *buffer, size_t size)
{
    struct upload *u = upload_of_job(job);
    struct pool *pool = u->lane->gateway->receivers;
    struct conn *c = u->conn;
    int64_t budget = TURN_BYTES;
    bool more = true;

    if (c->held_len > 0) { /* came in with the head; the loop lent it with the upload */
        size_t len = c->held_len;
        c->held_len = 0;
        more = feed(u, c->held, len);
        free(c->held); /* up to a whole head's size: an upload that stalls need not keep it */
        c->held = NULL;
    }
    while (more && budget > 0 && u->sink.size < u->pause_at && !atomic_load_explicit(&u->stop, memory_order_relaxed))
        more = receive_some(u, buffer, size, &budget);
    if (more && budget <= 0 && u->sink.size < u->pause_at) {
        pool_add(pool, job);
        return;
    }
    if (more) /* told to stop */
        u->outcome = u->sink.size < u->pause_at ? RECEIVE_WAIT : RECEIVE_PAUSE;
    loop_post(u->lane->loop, &u->done); /* from here on the upload is the loop's again */
}
