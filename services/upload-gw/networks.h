/*
 * How much each client network (address_net_of: an IPv4 address, an IPv6 /64) has open at this gateway. Any thread.
 */
#ifndef LC_GATEWAY_NETWORKS_H
#define LC_GATEWAY_NETWORKS_H

struct networks;
struct network;

enum network_use { NETWORK_CONNECTIONS, NETWORK_UPLOADS, NETWORK_USES };

struct networks *networks_new(void); /* NULL: memory */
/* One more use by that address; with this one there are `*now`. NULL: there are `most` already (or no memory). */
struct network *networks_enter(struct networks *all, const char *address, enum network_use use, unsigned most,
                               unsigned *now);
void networks_leave(struct networks *all, struct network *n, enum network_use use); /* n may be NULL */

#endif
