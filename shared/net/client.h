/*
 * Who the client is behind trusted proxies: of the hops in X-Forwarded-For and the peer itself, the right-most that
 * is not trusted. What stands left of it is the client's own say and never counts. Any thread.
 */
#ifndef LC_SHARED_NET_CLIENT_H
#define LC_SHARED_NET_CLIENT_H

#include "shared/net/cidr.h"

/* `peer`: the address of the connection as text, or anything else for a peer on a unix socket. `forwarded`: the values
 * of all X-Forwarded-For fields in their order. A hop may carry a port (1.2.3.4:80, [2001:db8::1]:80). At a hop that is
 * no address the walk ends: the proxy that reported it is the client as far as anybody can vouch. All hops trusted:
 * the left-most. */
void client_address(const struct cidr_list *trusted, const char *peer, const struct span *forwarded, size_t count,
                    char out[ADDRESS_TEXT_SIZE]);

#endif
