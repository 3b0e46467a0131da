/* An event loop's life: its Redis link, its listeners, its end. */
#ifndef LC_GATEWAY_LANE_H
#define LC_GATEWAY_LANE_H

#include "services/upload-gw/gateway.h"

struct lane_doors {
    int listen, status; /* bound descriptors, the caller's; status -1: none */
    const char *web_dir;
};

/* Starts the lane's thread, which makes the loop with its pages, link and listeners. Returns when that is done: 0 or
 * -errno with one line in `why`. */
int lane_start(struct lane *lane, struct gateway *g, const struct lane_doors *doors, char *why, size_t why_size)
    __attribute__((warn_unused_result));
/* Any thread. Drain: accepts no more, ends when the last connection is gone. Expire: ends now. */
void lane_drain(struct lane *lane);
void lane_expire(struct lane *lane);
void lane_join(struct lane *lane);

#endif
