/* Probing and supplying; see fast.h. */
#include "services/upload-gw/fast.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BLOCK       ((size_t)4 << 20)
#define SMALL_BLOCK ((size_t)2 << 20)

struct fast {
    pthread_mutex_t lock;
    unsigned count, left;
    struct ring *rings[];
};

/* Linux 6.1 and later; older ones leave the mask empty. A file system in memory has nothing to go past. */
static int aligns_as_we_do(int fd)
{
    struct statx st;
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return -errno;
    if (fs.f_type == TMPFS_MAGIC)
        return -EOPNOTSUPP;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) < 0)
        return -errno;
    bool ours = (st.stx_mask & STATX_DIOALIGN) != 0 && st.stx_dio_offset_align > 0 &&
                DIRECT_ALIGN % st.stx_dio_offset_align == 0 && DIRECT_ALIGN % st.stx_dio_mem_align == 0;
    return ours ? 0 : -EOPNOTSUPP;
}

/* One block, as uploads are written. */
static int write_once(struct ring *r, struct spool *spool, int fd)
{
    struct sink sink = {.spool = spool, .id = "", .fd = fd, .limit = DIRECT_ALIGN, .expected = DIRECT_ALIGN};
    struct stage stage = {.base = ring_block(r), .size = ring_block_size(r)};

    sink_stage(&sink, &stage, true);
    memset(stage.base, 0, DIRECT_ALIGN);
    stage.len = stage.hashed = DIRECT_ALIGN;
    enum gateway_error e = ring_store(r, &sink, &stage);
    while (sink.writing > 0)
        (void)ring_reap(r, true);
    free(sink.tail);
    e = e == GATEWAY_OK ? sink.fault : e;
    return e != GATEWAY_OK ? -sink.error : sink.no_direct ? -EOPNOTSUPP : 0;
}

/* Container engines refuse io_uring by their seccomp profiles, and may refuse any of its system calls. */
static const char *why_no_ring(int err)
{
    if (err == -ENOSYS)
        return "this kernel has no io_uring";
    return err == -EPERM || err == -EACCES
               ? "io_uring is refused here, by a seccomp profile, SystemCallFilter= or kernel.io_uring_disabled"
               : "io_uring cannot be used";
}

static int probe(enum fast_mode mode, struct ring *r, struct spool *spool, const char **why)
{
    int fd = openat(spool_tmp_fd(spool), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    int err = fd < 0 ? -errno : mode == FAST_AUTO ? aligns_as_we_do(fd) : 0;
    if (err == 0)
        err = write_once(r, spool, fd);
    if (fd >= 0)
        close(fd);
    *why = ring_error(r) < 0 ? why_no_ring(err) : "DATA_DIR's file system has no direct I/O";
    return err;
}

static int add_rings(struct fast *f, size_t block, unsigned count, const char **why)
{
    int err = 0;
    while (f->count < count && (err = ring_new(block, &f->rings[f->count])) == 0)
        ++f->count;
    f->left = f->count;
    *why = why_no_ring(err);
    return f->count > 0 ? 0 : err; /* fewer than wished do as well */
}

int fast_new(enum fast_mode mode, struct spool *spool, int64_t memory, unsigned workers, struct fast **out,
             const char **why)
{
    size_t block = memory / (int64_t)(BLOCK * RING_BLOCKS) >= workers ? BLOCK : SMALL_BLOCK;
    int64_t rings = memory / (int64_t)(block * RING_BLOCKS);
    unsigned count = rings < workers ? (unsigned)rings : workers;

    *why = "GATEWAY_FAST_LANE is off";
    if (mode == FAST_OFF)
        return -ECANCELED;
    *why = "the processor has no SHA instructions";
    if (mode == FAST_AUTO && !digest_pairs())
        return -ENOTSUP;
    struct fast *f = calloc(1, sizeof(*f) + count * sizeof(struct ring *));
    *why = "out of memory";
    if (f == NULL)
        return -ENOMEM;
    pthread_mutex_init(&f->lock, NULL);
    int err = add_rings(f, block, count, why);
    if (err == 0)
        err = probe(mode, f->rings[0], spool, why);
    if (err < 0) {
        fast_free(f);
        return err;
    }
    *out = f;
    return 0;
}

void fast_free(struct fast *f)
{
    if (f == NULL)
        return;
    for (unsigned i = 0; i < f->count; ++i)
        ring_free(f->rings[i]);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

unsigned fast_rings(const struct fast *f)
{
    return f->count;
}

struct ring *fast_take(struct fast *f)
{
    pthread_mutex_lock(&f->lock);
    struct ring *r = f->left > 0 ? f->rings[--f->left] : NULL;
    pthread_mutex_unlock(&f->lock);
    return r;
}

void fast_give(struct fast *f, struct ring *r)
{
    if (r == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    f->rings[f->left++] = r;
    pthread_mutex_unlock(&f->lock);
}
