/* An event loop's life: its Redis link, its listeners, its end. */
#ifndef LC_GATEWAY_LANE_H
#define LC_GATEWAY_LANE_H

#include "services/upload-gw/gateway.h"

/* Makes the loop with its pages and its link. 0 or -errno with one line in `why`. */
int lane_init(struct lane *lane, struct gateway *g, const char *web_dir, char *why, size_t why_size)
    __attribute__((warn_unused_result));
int lane_start(struct lane *lane) __attribute__((warn_unused_result)); /* in a thread of its own */
/* Any thread. Drain: accepts no more, ends when the last connection is gone. Expire: ends now. */
void lane_drain(struct lane *lane);
void lane_expire(struct lane *lane);
void lane_join(struct lane *lane);

#endif
