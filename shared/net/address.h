/*
 * IP addresses as one kind of value: IPv4 is kept as IPv4-mapped IPv6 (RFC 4291 2.5.5.2), so that 192.0.2.1 and
 * ::ffff:192.0.2.1 are the same client. No names, no look-ups. Any thread.
 */
#ifndef LC_SHARED_NET_ADDRESS_H
#define LC_SHARED_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "shared/http/head.h"

#define ADDRESS_TEXT_SIZE INET6_ADDRSTRLEN       /* bytes of a buffer for any address */
#define ADDRESS_NET_SIZE  (INET6_ADDRSTRLEN + 4) /* and for a network, with its /prefix */

struct address {
    unsigned char bytes[16];
};

/* A bare IPv4 or IPv6 address, no brackets, port or zone. 0 or -EINVAL. */
int address_parse(struct span text, struct address *out) __attribute__((warn_unused_result));
/* 0, or -EAFNOSUPPORT if the peer is on neither IPv4 nor IPv6. */
int address_of_peer(const struct sockaddr *peer, struct address *out) __attribute__((warn_unused_result));
bool address_is_v4(const struct address *a);
/* The usual spelling (RFC 5952), IPv4 dotted; NUL-terminated. */
void address_text(const struct address *a, char out[ADDRESS_TEXT_SIZE]);
/* The network that counts as one client in rate limits: 192.0.2.1/32 or 2001:db8:0:1::/64. What is no address, such
 * as the name of a local peer, stands for itself, cut to fit. */
void address_net_of(const char *text, char out[ADDRESS_NET_SIZE]);

/* Where a socket listens, as a setting would say it: one from whoever started us may be anywhere. */
void address_where(int fd, char *out, size_t size);

/* What is wrong with an address that cannot be listened on, by the negative errno of bind(2), and what to do. */
const char *address_listen_advice(int err);
const char *address_socket_advice(int err); /* the same of a unix socket */

#endif
