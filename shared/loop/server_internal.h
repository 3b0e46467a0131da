/* What the files of the server share. A call belongs to its loop, but while `in_job` to one worker. */
#ifndef LC_SHARED_LOOP_SERVER_INTERNAL_H
#define LC_SHARED_LOOP_SERVER_INTERNAL_H

#include <netinet/in.h>
#include <pthread.h>

#include "shared/loop/internal.h"
#include "shared/loop/server.h"

#define SERVER_MAX_HEADERS 24
#define PEER_SIZE          INET6_ADDRSTRLEN

struct server_loop {
    struct server *server;
    struct loop *loop;
    struct sock *listener; /* NULL once stopping */
    struct loop_timer pause, grace, drain;
    struct loop_message stop;
    pthread_t thread;
    _Atomic unsigned connections; /* read by any thread */
    unsigned most_connections, calls;
    unsigned fresh; /* connections without a request yet */
    bool stopping, grace_over, ended;
    uint32_t drain_ms;
};

struct server_call {
    struct server_loop *home;
    h2o_req_t *req; /* loop only; NULL: the connection died */
    h2o_generator_t generator;
    struct loop_message message;
    struct server_call *next_job;
    bool in_job, begun, is_head, more;
    int piece; /* what produce said */
    /* the request */
    char *text; /* one block that everything below points into */
    const char *method, *target, *host;
    char peer[PEER_SIZE];
    struct head_field *fields;
    size_t field_count;
    char *body;
    size_t body_len;
    void *data;
    /* the answer */
    int status;
    struct {
        char *name, *value;
    } headers[SERVER_MAX_HEADERS];
    size_t header_count;
    char *bytes;
    size_t len;
    int64_t length; /* of the whole body; -1: unknown */
    struct server_source *source;
    uint64_t sent;
};

struct jobs; /* the workers and their queue */

struct server {
    struct server_options options;
    struct server_loop *loops;
    struct jobs *jobs;
    unsigned port, started;
    struct server *next_ended;
};

/* server_jobs.c. The first job of a call may be refused (false), its further ones (pieces of a body) never. */
int jobs_start(struct server *s, struct jobs **out) __attribute__((warn_unused_result));
bool jobs_add(struct jobs *j, struct server_call *c, bool must);
unsigned jobs_waiting(struct jobs *j); /* any thread */
void jobs_stop(struct jobs *j);        /* what waits is dropped, what runs ends */

/* server.c, in its own thread: ends a loop that is stopping and has nothing left to do */
void server_loop_look(struct server_loop *l);

/* server_call.c, loop thread */
struct server_call *call_new(struct server_loop *home, h2o_req_t *req);
void call_free(struct server_call *c);
void call_send(struct server_call *c);               /* the answer, or its next piece */
void on_call_returned(struct loop_message *message); /* from a worker */

/* server_head.c, loop thread: false if the request was read in another way than it must be, and has been refused */
bool head_is_strict(h2o_req_t *req) __attribute__((warn_unused_result));

/* server_refusal.c: answers of H2O's own in our words, and a linger so that they arrive */
void refusal_register(h2o_hostconf_t *host, struct server_loop *home);

void peer_of(h2o_conn_t *conn, char out[PEER_SIZE]); /* the address of the other end; "" where it has none */

#endif
