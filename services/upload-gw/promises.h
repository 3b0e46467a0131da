/*
 * What gateways on one directory tell each other through Redis every second: the space that simple uploads still have
 * coming, which is counted in `coming` like our own, and that there are new resumable ones, whose space the sweep then
 * finds in the spool (reservations.h).
 */
#ifndef LC_GATEWAY_PROMISES_H
#define LC_GATEWAY_PROMISES_H

#include <stdint.h>

struct lane;

int promises_start(struct lane *lane); /* the first lane, in its thread; 0 or -ENOMEM */
int64_t promises_of_others(void);      /* what is in `coming` for them; any thread */

#endif
