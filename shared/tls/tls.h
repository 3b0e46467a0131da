/*
 * TLS 1.2 and 1.3 for servers, by OpenSSL on non-blocking descriptors: one certificate that can be exchanged while
 * sessions go on, ALPN http/1.1 only, no resumption, no renegotiation. Never polls, never logs.
 */
#ifndef LC_SHARED_TLS_TLS_H
#define LC_SHARED_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls;
struct tls_session; /* one thread at a time */

enum tls_file { TLS_NONE, TLS_CERT, TLS_KEY, TLS_AUTHORITIES };

/* Reads both PEM files (the certificate with its chain; a key without a passphrase) and looks whether they belong
 * together. 0, -ENOMEM or -EINVAL with the file at fault and one line in `why`. */
int tls_new(const char *cert_file, const char *key_file, struct tls **out, enum tls_file *fault, char *why,
            size_t why_size) __attribute__((warn_unused_result));
/* Reads the files again for sessions to come; on error everything stays as it is. Any thread. */
int tls_reload(struct tls *t, const char *cert_file, const char *key_file, enum tls_file *fault, char *why,
               size_t why_size) __attribute__((warn_unused_result));
/* config_row.check: a PEM file with at least one certificate, for clients to trust. */
int tls_check_authorities(const char *file, char *why, size_t why_size);
int64_t tls_expires(struct tls *t); /* the certificate: seconds since 1970; 0: not known. Any thread. */
void tls_free(struct tls *t);       /* sessions may go on */

/* A session on that connected descriptor, which stays the caller's. NULL: memory. Any thread. */
struct tls_session *tls_session_new(struct tls *t, int fd);
void tls_session_free(struct tls_session *s);

/* 0: done; -EAGAIN: poll for reading; -EINPROGRESS: poll for writing; -EPROTO: failed, an alert was sent if it could.
 */
int tls_handshake(struct tls_session *s) __attribute__((warn_unused_result));
/* Fills the buffer as far as the other side has sent: bytes; 0: it has ended; -EAGAIN; -ECONNRESET (also for records
 * that are not what they should be: the session is of no use then). */
ssize_t tls_recv(struct tls_session *s, void *buffer, size_t size) __attribute__((warn_unused_result));
/* Bytes taken; -EAGAIN: call again with the same bytes (they may have moved) when the descriptor is writable;
 * -ECONNRESET. */
ssize_t tls_send(struct tls_session *s, const void *bytes, size_t len) __attribute__((warn_unused_result));
/* Bytes have been read from the descriptor that tls_recv has not given out yet. */
bool tls_holds(const struct tls_session *s);
void tls_end(struct tls_session *s); /* close_notify (RFC 8446 6.1), if it can be sent now */

#endif
