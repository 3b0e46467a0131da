/*
 * A connection's bytes, plain or through TLS. Belongs to whoever has the connection: its loop, or the worker that it is
 * lent to. Never blocks, never polls.
 */
#ifndef LC_GATEWAY_WIRE_H
#define LC_GATEWAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tls_session;

struct wire {
    int fd;                  /* the socket's; not closed here */
    struct tls_session *tls; /* NULL: plain */
    int least;               /* bytes that polling waits for; 0: any */
};

/* Fills the buffer as far as bytes are here: their number; 0: the other side has ended; -EAGAIN: none yet, poll;
 * -errno. */
ssize_t wire_recv(struct wire *w, void *buffer, size_t size) __attribute__((warn_unused_result));
/* How many bytes were taken; -EAGAIN: none, poll for writing; -errno. */
ssize_t wire_send(struct wire *w, const void *bytes, size_t len) __attribute__((warn_unused_result));
/* From now on polling shows bytes once so many are here, or the other side has ended; 0: any. The socket's buffer grows
 * with it. */
void wire_wait_for(struct wire *w, int least);
/* Bytes are here that polling the descriptor does not show. */
bool wire_holds(const struct wire *w);
/* Tells the other side that nothing more will come. 0 or -errno: the connection is gone. */
int wire_end(struct wire *w) __attribute__((warn_unused_result));
void wire_dispose(struct wire *w); /* before the descriptor is closed; harmless twice */

#endif
