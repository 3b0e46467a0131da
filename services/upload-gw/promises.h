/*
 * Space that simple uploads at the other gateways on this directory still have coming: told and learned through Redis
 * every second, and counted in `coming` like our own. (Resumable ones lie in the spool for all to see: reservations.h.)
 */
#ifndef LC_GATEWAY_PROMISES_H
#define LC_GATEWAY_PROMISES_H

#include <stdint.h>

struct lane;

int promises_start(struct lane *lane); /* the first lane, in its thread; 0 or -ENOMEM */
int64_t promises_of_others(void);      /* what is in `coming` for them; any thread */

#endif
