/* Hash and write; see sink.h. */
#include "services/upload-gw/sink.h"

#include <errno.h>
#include <fcntl.h>
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

static enum gateway_error failed(struct sink *s, int err)
{
    s->error = err;
    return err == ENOSPC || err == EDQUOT ? GATEWAY_NO_SPACE : GATEWAY_STORAGE;
}

/* A body of unknown length reserved nothing at admission, so its share of the disk is looked at as it grows. */
static enum gateway_error check_room(struct sink *s)
{
    int64_t room;
    if (s->expected >= 0 || s->size < s->checked)
        return GATEWAY_OK;
    int err = spool_room(s->spool, s->reserve, &room);
    if (err < 0)
        return failed(s, -err);
    room -= atomic_load_explicit(s->promised, memory_order_relaxed);
    if (room <= 0)
        return failed(s, ENOSPC);
    s->checked = s->size + (room < CHECK_BYTES ? room : CHECK_BYTES);
    return GATEWAY_OK;
}

/* Blocks taken ahead lie together and spare the writes their search; a refusal costs nothing but that. */
static void allocate_ahead(struct sink *s, int64_t end)
{
    int64_t left = s->expected >= 0 ? s->expected - s->size : s->size;
    if (s->expected < 0 && left > s->checked - s->size)
        left = s->checked - s->size; /* never beyond the space that was looked at */
    if (end <= s->allocated || s->no_allocate || left < SMALL_BYTES)
        return;
    int64_t want = left < AHEAD_BYTES ? left : AHEAD_BYTES;
    if (fallocate(s->fd, FALLOC_FL_KEEP_SIZE, s->size, want) == 0) {
        s->allocated = s->size + want;
        return;
    }
    s->no_allocate = true;
    if (errno == ENOSPC && ftruncate(s->fd, s->size) < 0) /* gives back the part that it did take */
        s->error = errno;
}

static enum gateway_error open_file(struct sink *s)
{
    if (s->fd < 0)
        s->fd = s->resumed ? spool_reopen(s->spool, s->id) : spool_create(s->spool, s->id);
    return s->fd < 0 ? failed(s, -s->fd) : GATEWAY_OK;
}

enum gateway_error sink_write(struct sink *s, const char *data, size_t len)
{
    if (len == 0)
        return GATEWAY_OK;
    if ((int64_t)len > s->limit - s->size)
        return GATEWAY_TOO_LARGE;
    enum gateway_error e = open_file(s);
    if (e == GATEWAY_OK)
        e = check_room(s);
    if (e != GATEWAY_OK)
        return e;
    allocate_ahead(s, s->size + (int64_t)len);
    digest_update(&s->digest, data, len);
    if (s->second != NULL)
        checksum_update(s->second, data, len);
    while (len > 0) {
        ssize_t n = pwrite(s->fd, data, len, s->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return failed(s, n < 0 ? errno : EIO);
        s->size += n;
        data += n;
        len -= (size_t)n;
    }
    if (s->size - s->synced >= SYNC_BYTES) {
        (void)sync_file_range(s->fd, s->synced, s->size - s->synced, SYNC_FILE_RANGE_WRITE); /* fsync tells of errors */
        s->synced = s->size;
    }
    return GATEWAY_OK;
}

enum gateway_error sink_restart(struct sink *s)
{
    digest_init(&s->digest);
    s->size = s->allocated = s->synced = s->checked = 0;
    return s->fd >= 0 && ftruncate(s->fd, 0) < 0 ? failed(s, errno) : GATEWAY_OK;
}

enum gateway_error sink_finish(struct sink *s)
{
    int err = 0;
    CRASH_POINT(BODY_WHOLE);
    if (s->allocated > s->size && ftruncate(s->fd, s->size) < 0)
        err = errno;
    if (err == 0 && fsync(s->fd) < 0)
        err = errno;
    CRASH_POINT(DATA_SYNCED);
    if (close(s->fd) < 0 && err == 0)
        err = errno;
    s->fd = -1;
    digest_final(&s->digest, s->sha256);
    return err == 0 ? GATEWAY_OK : failed(s, err);
}

void sink_resume(struct sink *s, int64_t size)
{
    s->resumed = true;
    s->size = s->allocated = s->synced = s->checked = size;
}

/* The end is set even where it seems to be right: what an earlier holder left beyond it must go. */
enum gateway_error sink_keep(struct sink *s, bool end)
{
    enum gateway_error e = s->fd < 0 && !end ? GATEWAY_OK : open_file(s);
    if (e != GATEWAY_OK || s->fd < 0)
        return e;
    if (end && ftruncate(s->fd, s->size) < 0)
        return failed(s, errno);
    return fdatasync(s->fd) < 0 ? failed(s, errno) : GATEWAY_OK;
}

void sink_rewind(struct sink *s, int64_t size)
{
    s->size = size;
    if (s->fd >= 0 && ftruncate(s->fd, size) < 0)
        s->error = errno; /* for the log alone: the state says what counts */
    (void)sink_close(s);
}

enum gateway_error sink_close(struct sink *s)
{
    int err = s->fd >= 0 && close(s->fd) < 0 ? errno : 0;
    s->fd = -1;
    return err == 0 ? GATEWAY_OK : failed(s, err);
}

void sink_discard(struct sink *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    (void)spool_discard(s->spool, s->id); /* what cannot be removed now is swept by age */
}
