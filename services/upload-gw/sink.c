/* Staging and writing; see sink.h. */
#include "services/upload-gw/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/upload-gw/checksum.h"
#include "shared/crash/crash.h"

#define AHEAD_BYTES (INT64_C(1) << 30) /* never the whole length at once: one request could take the disk */
#define SMALL_BYTES (INT64_C(4) << 20) /* not worth allocating ahead */
#define CHECK_BYTES (INT64_C(64) << 20)
#define SYNC_BYTES  (INT64_C(8) << 20) /* keeps the final fsync short */

void sink_init(struct sink *s, struct spool *spool, const char *id, int64_t limit, int64_t reserve,
               const _Atomic int64_t *promised, int64_t expected)
{
    *s = (struct sink){.spool = spool,
                       .id = id,
                       .limit = limit,
                       .reserve = reserve,
                       .promised = promised,
                       .expected = expected,
                       .fd = -1};
    digest_init(&s->digest);
}

enum gateway_error sink_fail(struct sink *s, int err)
{
    s->error = err;
    s->fault = err == ENOSPC || err == EDQUOT ? GATEWAY_NO_SPACE : GATEWAY_STORAGE;
    return s->fault;
}

/* A body of unknown length reserved nothing at admission, so its share of the disk is looked at as it grows. */
static enum gateway_error check_room(struct sink *s, size_t len)
{
    int64_t room;
    if (s->expected >= 0 || s->stored + (int64_t)len <= s->checked)
        return GATEWAY_OK;
    int err = spool_room(s->spool, s->reserve, &room);
    if (err < 0)
        return sink_fail(s, -err);
    room -= atomic_load_explicit(s->promised, memory_order_relaxed);
    if (room < (int64_t)len)
        return sink_fail(s, ENOSPC);
    s->checked = s->stored + (room < CHECK_BYTES ? room : CHECK_BYTES);
    return GATEWAY_OK;
}

/* Blocks taken ahead lie together and spare the writes their search; a refusal costs nothing but that. Direct writes go
 * on beside each other only within the file's size, which is set right at the end. */
static void allocate_ahead(struct sink *s, size_t len)
{
    int64_t left = s->expected >= 0 ? s->expected - s->stored : s->stored;
    if (s->expected < 0 && left > s->checked - s->stored)
        left = s->checked - s->stored; /* never beyond the space that was looked at */
    if (s->stored + (int64_t)len <= s->allocated || s->no_allocate || left < SMALL_BYTES)
        return;
    int64_t want = left < AHEAD_BYTES ? left : AHEAD_BYTES;
    if (fallocate(s->fd, s->direct ? 0 : FALLOC_FL_KEEP_SIZE, s->stored, want) == 0) {
        s->allocated = s->stored + want;
        return;
    }
    s->no_allocate = true;
    if (errno == ENOSPC && ftruncate(s->fd, s->stored) < 0) /* gives back the part that it did take */
        (void)sink_fail(s, errno);
}

static enum gateway_error open_file(struct sink *s)
{
    if (s->fd < 0)
        s->fd = s->resumed ? spool_reopen(s->spool, s->id) : spool_create(s->spool, s->id);
    return s->fd < 0 ? sink_fail(s, -s->fd) : GATEWAY_OK;
}

static enum gateway_error prepare(struct sink *s, size_t len)
{
    enum gateway_error e = open_file(s);
    if (e == GATEWAY_OK)
        e = check_room(s, len);
    if (e == GATEWAY_OK)
        allocate_ahead(s, len);
    return e;
}

enum gateway_error sink_write(struct sink *s, const char *data, size_t len)
{
    struct stage *stage = s->stage;
    char *place = stage->base + stage->begin + stage->len;
    if ((int64_t)len > s->limit - s->size)
        return GATEWAY_TOO_LARGE;
    if (len > stage->size - stage->begin - stage->len)
        return sink_fail(s, ENOBUFS); /* the receiver's mistake; not at the memory's expense */
    if (place != data)
        memmove(place, data, len);
    if (s->second != NULL)
        checksum_update(s->second, place, len);
    stage->len += len;
    s->size += (int64_t)len;
    return GATEWAY_OK;
}

enum gateway_error sink_put(struct sink *s, const char *data, size_t len, int64_t at)
{
    while (len > 0) {
        ssize_t n = pwrite(s->fd, data, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return sink_fail(s, n < 0 ? errno : EIO);
        at += n;
        data += n;
        len -= (size_t)n;
    }
    return GATEWAY_OK;
}

/* --- past the page cache --- */

static int set_direct(struct sink *s, bool on)
{
    int flags = fcntl(s->fd, F_GETFL);
    if (flags < 0 || fcntl(s->fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) < 0)
        return -errno;
    s->direct = on;
    return 0;
}

void sink_direct_off(struct sink *s)
{
    if (s->direct && set_direct(s, false) < 0)
        (void)sink_fail(s, errno); /* not known to happen: then the next write fails */
}

static bool direct_on(struct sink *s)
{
    if (s->direct)
        return true;
    if (s->tail == NULL)
        s->tail = malloc(DIRECT_ALIGN);
    if (s->tail == NULL || s->no_direct || set_direct(s, true) < 0) {
        s->no_direct = true;
        return false;
    }
    if (s->allocated > s->stored && ftruncate(s->fd, s->allocated) < 0)
        s->allocated = s->stored; /* writes that wait for each other, then */
    return true;
}

/* The file holds all of it afterwards. */
static enum gateway_error put_tail(struct sink *s)
{
    size_t len = s->tail_len;
    sink_direct_off(s);
    s->tail_len = 0;
    enum gateway_error e = len > 0 ? sink_put(s, s->tail, len, s->stored) : GATEWAY_OK;
    s->stored += (int64_t)len;
    return e;
}

void sink_stage(struct sink *s, struct stage *stage, bool direct)
{
    stage->begin = direct ? (size_t)(s->stored % DIRECT_ALIGN) : 0;
    stage->len = stage->hashed = s->tail_len;
    if (s->tail_len > 0)
        memcpy(stage->base + stage->begin, s->tail, s->tail_len);
    s->tail_len = 0;
    s->stage = stage;
}

static void empty(struct stage *stage)
{
    stage->len = stage->hashed = 0;
}

enum gateway_error sink_store(struct sink *s, struct stage *stage)
{
    size_t len = stage->len;
    if (len == 0)
        return GATEWAY_OK;
    empty(stage);
    enum gateway_error e = prepare(s, len);
    if (e != GATEWAY_OK)
        return e;
    sink_direct_off(s);
    e = sink_put(s, stage->base + stage->begin, len, s->stored);
    s->stored += (int64_t)len;
    if (e == GATEWAY_OK && s->stored - s->synced >= SYNC_BYTES) {
        (void)sync_file_range(s->fd, s->synced, s->stored - s->synced,
                              SYNC_FILE_RANGE_WRITE); /* fsync tells of errors */
        s->synced = s->stored;
    }
    return e;
}

enum gateway_error sink_store_edges(struct sink *s, struct stage *stage, const char **from, size_t *len, int64_t *at)
{
    size_t all = stage->len, head = (size_t)(-s->stored & (DIRECT_ALIGN - 1));
    const char *data = stage->base + stage->begin;
    *len = 0;
    if (all == 0)
        return GATEWAY_OK;
    enum gateway_error e = prepare(s, all);
    if (e == GATEWAY_OK && head > 0) { /* a block that was begun through the page cache is completed there */
        head = head < all ? head : all;
        sink_direct_off(s);
        e = sink_put(s, data, head, s->stored);
        s->stored += (int64_t)head;
    }
    if (e != GATEWAY_OK || head == all || !direct_on(s)) {
        stage->begin += head;
        stage->len -= head;
        return e == GATEWAY_OK ? sink_store(s, stage) : e;
    }
    empty(stage);
    s->tail_len = (all - head) % DIRECT_ALIGN;
    *len = all - head - s->tail_len;
    *from = data + head;
    *at = s->stored;
    memcpy(s->tail, *from + *len, s->tail_len);
    s->stored += (int64_t)*len;
    return GATEWAY_OK;
}

/* --- the end --- */

static void free_tail(struct sink *s)
{
    free(s->tail);
    s->tail = NULL;
    s->tail_len = 0;
}

enum gateway_error sink_finish(struct sink *s)
{
    CRASH_POINT(BODY_WHOLE);
    enum gateway_error e = put_tail(s);
    int err = e == GATEWAY_OK ? 0 : s->error;
    if (err == 0 && s->allocated > s->size && ftruncate(s->fd, s->size) < 0)
        err = errno;
    if (err == 0 && fsync(s->fd) < 0)
        err = errno;
    CRASH_POINT(DATA_SYNCED);
    int kept = s->resumed ? -1 : fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
    if (close(s->fd) < 0 && err == 0)
        err = errno;
    s->fd = kept;
    free_tail(s);
    digest_final(&s->digest, s->sha256);
    return err == 0 ? GATEWAY_OK : sink_fail(s, err);
}

void sink_resume(struct sink *s, int64_t size)
{
    s->resumed = true;
    s->size = s->stored = s->allocated = s->synced = s->checked = size;
}

/* The end is set even where it seems to be right: what an earlier holder left beyond it must go. */
enum gateway_error sink_complete(struct sink *s, bool end)
{
    enum gateway_error e = s->fd < 0 && !end ? GATEWAY_OK : open_file(s);
    if (e != GATEWAY_OK || s->fd < 0)
        return e;
    if ((e = put_tail(s)) != GATEWAY_OK)
        return e;
    return end && ftruncate(s->fd, s->size) < 0 ? sink_fail(s, errno) : GATEWAY_OK;
}

void sink_rewind(struct sink *s, int64_t size)
{
    s->size = s->stored = size;
    s->tail_len = 0;
    if (s->fd >= 0 && ftruncate(s->fd, size) < 0)
        s->error = errno; /* for the log alone: the state says what counts */
    (void)sink_close(s);
}

enum gateway_error sink_close(struct sink *s)
{
    int err = s->fd >= 0 && close(s->fd) < 0 ? errno : 0;
    s->fd = -1;
    free_tail(s);
    return err == 0 ? GATEWAY_OK : sink_fail(s, err);
}

void sink_discard(struct sink *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    free_tail(s);
    (void)spool_discard(s->spool, s->id); /* what cannot be removed now is swept by age */
}
