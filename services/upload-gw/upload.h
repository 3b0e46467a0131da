/*
 * One upload's life as a table of steps: reserve → check → continue → receive → sync → commit → publish → finish, or
 * from anywhere → fail → discard → forget → refuse. Each step runs in the loop's thread; what blocks is lent to a pool
 * as a job that owns the upload's body, sink and descriptor until its message is back.
 */
#ifndef LC_GATEWAY_UPLOAD_H
#define LC_GATEWAY_UPLOAD_H

#include "services/upload-gw/body.h"
#include "services/upload-gw/conn.h"
#include "shared/http/token.h"
#include "shared/redis/attempts.h"

enum upload_step {
    UPLOAD_WAIT, /* a message, a timer or the socket goes on */
    UPLOAD_RESERVE,
    UPLOAD_CHECK,
    UPLOAD_PREPARE, /* admitted: what has to be there before the body */
    UPLOAD_CONTINUE,
    UPLOAD_RECEIVE,
    UPLOAD_RECEIVED,
    UPLOAD_PAUSED, /* as many bytes as may be at risk are in */
    UPLOAD_OVER,   /* the body's last byte is in */
    UPLOAD_SYNC,
    UPLOAD_SYNCED,
    UPLOAD_COMMIT,
    UPLOAD_PUBLISH,
    UPLOAD_PUBLISHED,
    UPLOAD_FAIL,
    UPLOAD_DISCARD,
    UPLOAD_FORGET,
    UPLOAD_REFUSE,
    /* of resumable uploads alone */
    UPLOAD_TAKE,
    UPLOAD_LOOKED,
    UPLOAD_LOADED,
    UPLOAD_ADMIT,
    UPLOAD_CREATED,
    UPLOAD_RESUMED,
    UPLOAD_KEPT,
    UPLOAD_HASH,
    UPLOAD_HASHED,
    UPLOAD_RELEASE,
    UPLOAD_LET_GO,
    UPLOAD_ANSWER,
    UPLOAD_STEPS
};

enum receive_outcome { RECEIVE_WAIT, RECEIVE_PAUSE, RECEIVE_OVER, RECEIVE_ENDED, RECEIVE_RESET, RECEIVE_REFUSED };

struct record_manifest;
struct upload;
struct tus;
typedef enum upload_step (*upload_step_run)(struct upload *u);

struct upload {
    const upload_step_run *steps; /* of its kind: one body, or resumable */
    struct tus *tus;              /* NULL: one body */
    struct conn *conn;
    struct lane *lane;
    struct loop_timer tick; /* heartbeat and the watch on slow senders */
    struct pool_job job;
    struct loop_message done;
    enum upload_step next;      /* when the job's message is back */
    enum gateway_error error;   /* why it fails */
    enum gateway_error problem; /* found in the head, told once the token has been judged */
    enum receive_outcome outcome;
    bool admitted, committed, expects, reset, renewing, keeping, ended, uncounted, failed;
    bool published;              /* whatever came after: it lies in spool/new */
    _Atomic bool stop;           /* the receiver comes back at once */
    _Atomic int64_t received;    /* bytes of the body */
    int64_t seen, slow_since_ms; /* what the watch saw last */
    int64_t coming;              /* our share of gateway.coming */
    int64_t started_us;
    int64_t pace_bytes, pace_us; /* the receiver's: how fast it comes */
    bool bulk;                   /* fast */
    int64_t declared;            /* bytes that it says will come, 0: unknown; judged before the body */
    int64_t pause_at;            /* receiving comes back when the sink has this size */
    int64_t ticket_id, number, limit, retry_ms;
    int64_t left;       /* attempts, after its commit; -1: not known */
    const char *method; /* for the manifest: multipart, raw, put, tus */
    const char *why;    /* of the error, static; may be NULL */
    const char *client; /* whose upload it is: an address */
    char *over;         /* read beyond a chunked body */
    size_t over_len;
    bool over_lost; /* too much to keep: close after the answer */
    struct body body;
    struct sink sink;
    struct network *network; /* where it counts */
    char id[SPOOL_ID_SIZE];
    char token[TOKEN_SIZE];
    char epoch[64];
};

/* receive.c: the receiver's job; runs on a pool thread. */
void receive_run(struct pool_job *job, char *buffer, size_t size);

/* upload.c: does it come fast? The receiver's to say while it has the upload. */
void upload_set_bulk(struct upload *u, bool bulk);

/* upload.c: begins the life of an upload; the connection is lent until its answer. Takes `u` over. */
void upload_begin(struct upload *u, enum upload_step first);
/* A new upload on this connection for that token (as sent; no data: for none); NULL: the request has been answered. */
struct upload *upload_new(struct conn *c, const struct head *h, struct span token);
void upload_stop(struct upload *u, enum gateway_error why); /* from the loop, at any time */
/* Prolongs the lease; where Redis has lost it, takes it again. */
void upload_renew(struct upload *u);

/* Steps and callbacks that both kinds share. */
enum upload_step upload_reserve(struct upload *u);
enum gateway_error upload_take_admission(struct upload *u, const struct admission *a);
enum upload_step upload_check(struct upload *u);
enum upload_step upload_continue(struct upload *u);
enum upload_step upload_receive(struct upload *u);
enum upload_step upload_receive_more(struct upload *u);
enum upload_step upload_received(struct upload *u);
enum upload_step upload_refuse(struct upload *u);
enum upload_step upload_fail(struct upload *u, enum gateway_error e);
enum gateway_error upload_take_room(struct upload *u, int64_t bytes); /* until the upload ends */
void upload_watch(struct upload *u);                                  /* starts heartbeat and watch */

/* publish.c: the steps after the last byte. */
enum upload_step publish_sync(struct upload *u);
enum upload_step publish_synced(struct upload *u);
enum upload_step publish_commit(struct upload *u);
enum upload_step publish_record(struct upload *u);
enum upload_step publish_finish(struct upload *u);
/* Encodes the record and publishes the upload that it names: 0 or negative. On a pool thread. */
int publish_manifest(struct spool *spool, const struct record_manifest *manifest) __attribute__((warn_unused_result));
void publish_wake(struct lane *lane, int64_t ticket_id, const char *upload_id); /* admin-api */
void publish_tell(struct upload *u);                                            /* wakes admin-api, counts, logs */

/* Goes through steps until one has to wait. */
void upload_go(struct upload *u, enum upload_step step);
/* Lends the upload to a pool; `next` follows when the job has posted u->done. */
enum upload_step upload_lend(struct upload *u, struct pool *pool,
                             void (*run)(struct pool_job *job, char *buffer, size_t size), enum upload_step next);
struct upload *upload_of_job(struct pool_job *job);
/* Lets the connection have its answer and frees the upload. */
void upload_end(struct upload *u);
void upload_free(struct upload *u); /* once it has ended and the last answer about it is in */

#endif
