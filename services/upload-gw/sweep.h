/*
 * Publishes what is whole and lies in spool/tmp all the same: its gateway was killed before the end, and its client
 * does not come back. At start and every GATEWAY_SWEEP_INTERVAL, on the first lane. Resumable uploads are finished by
 * asking ourselves for them as their client would, so that lease and fence decide between gateways; others only if
 * Redis says that their commit was done. On its way it counts what unfinished uploads have declared and not yet
 * brought.
 */
#ifndef LC_GATEWAY_SWEEP_H
#define LC_GATEWAY_SWEEP_H

struct lane;
struct sweep;

/* From the lane's own thread. 0 or -ENOMEM. */
int sweep_start(struct lane *lane) __attribute__((warn_unused_result));
void sweep_soon(struct sweep *s); /* a round at once, or once this one is over */

#endif
