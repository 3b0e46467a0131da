/*
 * Direct writes under way: one io_uring and a few large blocks of memory that uploads are received into, of one worker
 * at a time. A block is the worker's until it is written from, then the kernel's until it is reaped. Where the file
 * system refuses direct I/O, the same bytes go through the page cache: nothing is lost by that. Does not hash and does
 * not receive.
 */
#ifndef LC_GATEWAY_RING_H
#define LC_GATEWAY_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "services/upload-gw/sink.h"

#define RING_BLOCKS 6 /* two are filled while four are written */

struct ring;

/* Blocks of `block_size` bytes, a multiple of 2 MiB: not touched, so not in memory, before they are used. 0 or -errno:
 * no io_uring here (an old kernel, a container's seccomp rule), or no memory. */
int ring_new(size_t block_size, struct ring **out) __attribute__((warn_unused_result));
void ring_free(struct ring *r); /* with nothing under way */
size_t ring_block_size(const struct ring *r);
int ring_error(const struct ring *r); /* -errno when the ring itself failed, whatever was written; 0: it did not */

bool ring_is_busy(const struct ring *r); /* writes are under way */

/* A block that is free, or NULL: reap first. */
char *ring_block(struct ring *r);
/* Writes what is staged in a block of this ring, which is the ring's again from here on: whole blocks of the disk are
 * under way afterwards (sink->writing), the rest is in sink->tail. */
enum gateway_error ring_store(struct ring *r, struct sink *s, struct stage *stage) __attribute__((warn_unused_result));
/* Takes the completions that are here; `wait`: for one at least, if anything is under way. How many. A write that
 * failed is its sink's fault. */
unsigned ring_reap(struct ring *r, bool wait);

#endif
