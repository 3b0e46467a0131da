/* Web origins in configuration (RFC 6454): scheme, host and port of the address people see, and nothing more. */
#ifndef LC_SHARED_NET_ORIGIN_H
#define LC_SHARED_NET_ORIGIN_H

#include <stddef.h>

/* config_row.check: http:// or https://, a host name, IPv4 address or [IPv6 address], an optional port, at most one
 * slash at the end. 0 or -EINVAL with what to give instead. Nothing it takes needs escaping in HTML or a header. */
int origin_check(const char *value, char *why, size_t why_size);

#endif
