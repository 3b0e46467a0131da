/* The front door: listening sockets and accepting. */
#ifndef LC_GATEWAY_DOOR_H
#define LC_GATEWAY_DOOR_H

#include "services/upload-gw/gateway.h"

/* Binds "address:port", "[v6]:port" or "unix:/path", non-blocking. The descriptor, or -errno with one line in `why`. */
int door_listen(const char *where, char *why, size_t why_size) __attribute__((warn_unused_result));
/* Lets the lane accept from a duplicate of `fd` (one socket, so that no queued connection dies with a listener). */
int door_open(struct lane *lane, int fd, bool status_port) __attribute__((warn_unused_result));
void door_close(struct lane *lane); /* accepts no more; harmless twice */

#endif
