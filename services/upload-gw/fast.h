/*
 * The fast lane: the rings that receivers write directly with, if this machine can. Decides at start, and only
 * supplies: which uploads go through it the receiver knows. Any thread.
 */
#ifndef LC_GATEWAY_FAST_H
#define LC_GATEWAY_FAST_H

#include <stdint.h>

#include "services/upload-gw/ring.h"

#define FAST_LEAST_MEMORY (INT64_C(12) << 20) /* one ring of the smaller blocks */

enum fast_mode { FAST_AUTO, FAST_OFF, FAST_ALWAYS }; /* the choices of GATEWAY_FAST_LANE */

struct fast;

/* At most one ring per worker, and as many as `memory` bytes have room for. 0, or -errno with the reason in one line:
 * uploads go through the page cache then. In mode `auto` the processor must hash two uploads at once and the file
 * system must say how direct writes are to be aligned, which those that only pretend do not. */
int fast_new(enum fast_mode mode, struct spool *spool, int64_t memory, unsigned workers, struct fast **out,
             const char **why) __attribute__((warn_unused_result));
void fast_free(struct fast *f); /* with all rings given back */
unsigned fast_rings(const struct fast *f);
struct ring *fast_take(struct fast *f);         /* NULL: none left; until fast_give */
void fast_give(struct fast *f, struct ring *r); /* with nothing under way; NULL is ignored */

#endif
