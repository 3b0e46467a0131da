/* io_uring by liburing; see ring.h. */
#include "services/upload-gw/ring.h"

#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "services/upload-gw/metrics.h"

#define HUGE_PAGE   ((size_t)2 << 20)
#define MAX_REFUSED 8 /* times a write may come back undone before it is made without the ring */

struct block {
    char *bytes;
    bool taken;
    struct sink *sink; /* of the write under way */
    const char *from;
    size_t left;
    int64_t at;
    unsigned refused;
};

struct ring {
    struct io_uring uring;
    size_t block_size;
    char *memory;
    size_t memory_size;
    unsigned under_way;
    int error; /* of the ring itself */
    struct block blocks[RING_BLOCKS];
};

int ring_new(size_t block_size, struct ring **out)
{
    struct ring *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return -ENOMEM;
    int err = io_uring_queue_init(RING_BLOCKS, &r->uring, 0);
    if (err < 0) {
        free(r);
        return err;
    }
    r->block_size = block_size;
    r->memory_size = block_size * RING_BLOCKS + HUGE_PAGE;
    r->memory = mmap(NULL, r->memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (r->memory == MAP_FAILED) {
        io_uring_queue_exit(&r->uring);
        free(r);
        return -ENOMEM;
    }
    (void)madvise(r->memory, r->memory_size, MADV_HUGEPAGE); /* or small pages: slower, no more */
    uintptr_t aligned = ((uintptr_t)r->memory + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    for (size_t i = 0; i < RING_BLOCKS; ++i)
        r->blocks[i].bytes = r->memory + (aligned - (uintptr_t)r->memory) + i * block_size;
    *out = r;
    return 0;
}

void ring_free(struct ring *r)
{
    if (r == NULL)
        return;
    io_uring_queue_exit(&r->uring);
    munmap(r->memory, r->memory_size);
    free(r);
}

size_t ring_block_size(const struct ring *r)
{
    return r->block_size;
}

int ring_error(const struct ring *r)
{
    return r->error;
}

bool ring_is_busy(const struct ring *r)
{
    return r->under_way > 0;
}

char *ring_block(struct ring *r)
{
    for (size_t i = 0; i < RING_BLOCKS; ++i)
        if (!r->blocks[i].taken) {
            r->blocks[i].taken = true;
            return r->blocks[i].bytes;
        }
    return NULL;
}

static struct block *block_of(struct ring *r, const char *bytes)
{
    return r->blocks + (size_t)(bytes - r->blocks[0].bytes) / r->block_size;
}

static void over(struct ring *r, struct block *b)
{
    --r->under_way;
    --b->sink->writing;
    b->sink = NULL;
    b->taken = false;
}

/* Without the ring, through the page cache. */
static void write_plainly(struct ring *r, struct block *b)
{
    COUNT(DIRECT_REFUSED);
    sink_direct_off(b->sink);
    b->sink->no_direct = true;
    (void)sink_put(b->sink, b->from, b->left, b->at); /* the sink's fault, if it fails */
    over(r, b);
}

static void submit(struct ring *r, struct block *b)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring); /* never NULL: as many as there are blocks */
    if (sqe == NULL) {
        write_plainly(r, b);
        return;
    }
    io_uring_prep_write(sqe, b->sink->fd, b->from, (unsigned)b->left, (uint64_t)b->at);
    io_uring_sqe_set_data(sqe, b);
    (void)io_uring_submit(&r->uring); /* what is not taken now stays queued, and goes when completions are looked for */
}

enum gateway_error ring_store(struct ring *r, struct sink *s, struct stage *stage)
{
    struct block *b = block_of(r, stage->base);
    const char *from;
    size_t len = 0;
    int64_t at;
    enum gateway_error e = sink_store_edges(s, stage, &from, &len, &at);

    if (e != GATEWAY_OK || len == 0) {
        b->taken = false;
        return e;
    }
    b->sink = s;
    b->from = from;
    b->left = len;
    b->at = at;
    b->refused = 0;
    ++s->writing;
    ++r->under_way;
    submit(r, b);
    return s->fault;
}

static void completed(struct ring *r, struct block *b, int result)
{
    bool undone = result == -EAGAIN || result == -EINTR || result == 0;
    if (result > 0) {
        COUNT_BY(BYTES_DIRECT, result);
        b->from += result;
        b->at += result;
        b->left -= (size_t)result;
    }
    if (b->left == 0 || b->sink->fault != GATEWAY_OK) {
        over(r, b);
    } else if (result == -EINVAL || result == -EOPNOTSUPP || b->at % DIRECT_ALIGN != 0 ||
               (undone && ++b->refused > MAX_REFUSED)) {
        write_plainly(r, b);
    } else if (result < 0 && !undone) {
        sink_fail(b->sink, -result);
        over(r, b);
    } else {
        submit(r, b); /* the rest of a short one */
    }
}

/* The ring itself is broken: what is under way may or may not be written, so its uploads fail. */
static unsigned give_up(struct ring *r, int err)
{
    unsigned count = r->under_way;
    r->error = -err;
    for (size_t i = 0; i < RING_BLOCKS; ++i)
        if (r->blocks[i].sink != NULL) {
            sink_fail(r->blocks[i].sink, err);
            over(r, r->blocks + i);
        }
    return count;
}

unsigned ring_reap(struct ring *r, bool wait)
{
    struct io_uring_cqe *cqe;
    unsigned count = 0;
    if (r->under_way == 0)
        return 0;
    int err = wait || io_uring_sq_ready(&r->uring) > 0 ? io_uring_submit_and_wait(&r->uring, wait ? 1 : 0) : 0;
    if (err < 0 && err != -EINTR && err != -EAGAIN && err != -EBUSY)
        return give_up(r, -err);
    while (io_uring_peek_cqe(&r->uring, &cqe) == 0) {
        struct block *b = io_uring_cqe_get_data(cqe);
        int result = cqe->res;
        io_uring_cqe_seen(&r->uring, cqe);
        completed(r, b, result);
        ++count;
    }
    return count;
}
