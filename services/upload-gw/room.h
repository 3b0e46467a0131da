/*
 * How much space is left where uploads are written, for those who must not wait for a file system: one thread asks it
 * again and again, so that a server of files that hangs stalls nobody else. Any thread; never blocks.
 */
#ifndef LC_GATEWAY_ROOM_H
#define LC_GATEWAY_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/spool/spool.h"

struct room;

/* Asks once before it returns. The thread lives as long as the process. 0 or -errno. */
int room_new(struct spool *spool, struct room **out) __attribute__((warn_unused_result));
/* Bytes free now, as far as is known: what was taken since the last look is off already. 0, -errno of the last look, or
 * -ETIMEDOUT: the file system has not answered for some seconds. */
int room_left(struct room *r, int64_t *out) __attribute__((warn_unused_result));
void room_take(struct room *r, int64_t bytes); /* they were written, or blocks allocated for them */
void room_wrote(struct room *r, bool well);    /* how an upload ended there: kept, or the storage failed it */
bool room_fails(const struct room *r); /* the last one failed, not long ago: what a file system does not say itself */
void room_look(struct room *r);        /* something was removed: look again soon */

#endif
