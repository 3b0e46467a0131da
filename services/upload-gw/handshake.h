/* TLS handshakes of new connections, bounded in time and number. Loop thread only. */
#ifndef LC_GATEWAY_HANDSHAKE_H
#define LC_GATEWAY_HANDSHAKE_H

#include "services/upload-gw/conn.h"

/* conn_begin follows, or the connection's end. One too many under way: the oldest is dropped, so that handshakes left
 * hanging cannot keep others out. */
void handshake_begin(struct conn *c);
void handshake_forget(struct conn *c); /* the connection ends; harmless when none is under way */

#endif
