/*
 * An HTTP/1.1 server for private services on libh2o: N loops in their own threads read requests and send answers, a
 * small pool of workers runs whatever may block. No pointer to a request of H2O's crosses a thread: a call owns a copy.
 * Not for uploads: a body is in memory, whole, before anybody is asked.
 */
#ifndef LC_SHARED_LOOP_SERVER_H
#define LC_SHARED_LOOP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/http/head.h"

struct server;
struct server_call;

struct server_header_row {
    const char *name, *value;
};

/* What the server asks of the service. `arg` is server_options.arg. */
struct server_callbacks {
    /* Loop thread, must not block: true if the call is answered already, false to have on_job run. */
    bool (*on_call)(struct server_call *c, void *arg);
    void (*on_job)(struct server_call *c, void *arg);      /* worker: answers it */
    void (*on_overload)(struct server_call *c, void *arg); /* loop thread: too many jobs wait; answers it */
    /* Loop thread: H2O refused the request before it became a call (400, 413 and the like): the status and the peer's
     * address in, the body out. Static text; NULL keeps H2O's. */
    const char *(*on_refusal)(int status, const char *peer, const char **content_type, void *arg);
    /* What such answers carry besides, static; the last row is all NULL. NULL: nothing. */
    const struct server_header_row *refusal_headers;
    /* Loop thread, once per call after its last byte was sent or its connection died: frees server_data. */
    void (*on_end)(struct server_call *c, void *arg);
};

struct server_options {
    int listener;     /* server_listen's or an inherited one; taken over, also by an error */
    const char *name; /* Server header */
    unsigned loops, workers;
    unsigned max_connections;    /* of all loops; more wait in the listen queue */
    unsigned max_jobs;           /* waiting for a worker; beyond: on_overload */
    size_t max_body;             /* bytes */
    uint32_t request_timeout_ms; /* for a request to arrive completely; also how long an idle connection is kept */
    const struct server_callbacks *callbacks;
    void *arg;
};

/* Takes host:port or [v6]:port, before anything else is done there: who connects waits for server_start. The
 * descriptor, or -errno with one line in `why`. */
int server_listen(const char *where, char *why, size_t why_size) __attribute__((warn_unused_result));
/* 0, or -errno with one line in `why`. Threads start here. */
int server_start(const struct server_options *options, struct server **out, char *why, size_t why_size)
    __attribute__((warn_unused_result));
/* No new connections; calls in progress get `drain_ms` to end, connections just accepted a second of it for their first
 * request. Returns when every thread has ended. */
void server_stop(struct server *s, uint32_t drain_ms);
struct server_load {
    unsigned connections;  /* open now */
    unsigned jobs_waiting; /* for a worker */
};
void server_load(const struct server *s, struct server_load *out); /* any thread, before server_stop */
unsigned server_port(const struct server *s);                      /* of the address bound */

/* --- the request: NUL-terminated copies, valid until on_end --- */
const char *server_method(const struct server_call *c);
const char *server_target(const struct server_call *c); /* path and query as sent */
const char *server_host(const struct server_call *c);   /* the Host header; "" without one */
const char *server_peer(const struct server_call *c);   /* the address of the other end, without port */
const struct head_field *server_fields(const struct server_call *c, size_t *count); /* names in lowercase */
char *server_body(struct server_call *c, size_t *len);                              /* may be written to */
void server_drop_body(struct server_call *c);                                       /* frees it early */
void server_set_data(struct server_call *c, void *data);
void *server_data(const struct server_call *c);

/* --- the answer: whoever answers the call --- */
void server_status(struct server_call *c, int status);
int server_get_status(const struct server_call *c);
/* Copies both; the name in any case. 0, or -ENOMEM; -EINVAL: CR or LF inside. */
int server_header(struct server_call *c, const char *name, const char *value) __attribute__((warn_unused_result));
void server_reset(struct server_call *c); /* forgets headers, body and source of an answer begun */
/* Takes over malloc'ed bytes. HEAD: only their length is sent. */
void server_answer(struct server_call *c, char *bytes, size_t len);
uint64_t server_bytes_sent(const struct server_call *c); /* of the body, in on_end */

/* A body that is made piece by piece, each by a job of its own once the one before was sent: a slow reader holds one
 * piece and no worker. */
struct server_source {
    /* Worker. The next piece in *data, *len, which live until the next call or free: 1 and more will follow, 0 it was
     * the last, negative: the connection is cut, so that nobody takes the body for complete. */
    int (*produce)(struct server_source *s, const char **data, size_t *len);
    void (*free)(struct server_source *s); /* any thread */
};
/* Takes over the source. `length` -1: unknown (chunked). HEAD: nothing is produced. */
void server_stream(struct server_call *c, struct server_source *source, int64_t length);

#endif
