/*
 * Resumable uploads (tus 1.0.0): an upload as in upload.h, brought by several requests, on any replica. Each request
 * takes the upload's lease first (tus_lease.c), reads its state from the disk (tus_disk.c), goes through steps of its
 * own (tus_steps.c) and lets the lease go before it answers (tus_answer.c). The state on disk is the authority for how
 * many bytes count; nothing else is ever trusted for that.
 */
#ifndef LC_GATEWAY_TUS_H
#define LC_GATEWAY_TUS_H

#include "proto/records.h"
#include "services/upload-gw/checksum.h"
#include "services/upload-gw/tus_request.h"
#include "services/upload-gw/upload.h"
#include "shared/redis/holds.h"

#define TUS_EXTENSIONS "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination"
#define TUS_LINES      "Tus-Resumable: 1.0.0\r\nTus-Version: 1.0.0\r\n" /* of every answer */
#define TUS_PATH       "/api/v1/uploads/"

enum tus_verb { TUS_CREATE, TUS_HEAD, TUS_PATCH, TUS_DELETE };

struct tus {
    enum tus_verb verb;
    struct tus_request request;
    struct record_state state; /* as it is on the disk, or about to be */
    struct checksum *checksum; /* NULL: none announced */
    struct hold hold;          /* the loop's, also while a job is out */
    int64_t fence;             /* the job's: of the states that it writes */
    enum hold_how how;
    enum hold_end end;
    bool holds;
    bool lapsed;                            /* taken over without asking: earlier holders may still write */
    bool discards;                          /* the upload is removed at the end of this request */
    bool declares;                          /* this part brings the length that was deferred */
    bool asked;                             /* a newer request wants it */
    bool finished;                          /* published, now or before */
    int64_t patience_ms, asked_ms, kept_ms; /* monotonic: end of waiting, last question, last checkpoint */
    _Atomic int64_t ours_until_ms;          /* monotonic: nobody else can have taken it before */
    int64_t final_size;
    char final_sha256[DIGEST_HEX_SIZE];
    char holder[64];
};

/* tus.c */
void tus_free(struct tus *t);

/* tus_steps.c */
extern const upload_step_run tus_steps[UPLOAD_STEPS];
bool tus_is_complete(const struct tus *t);
bool tus_is_bounded(const struct tus *t); /* its length is known: all that is to come has its space reserved */

/* tus_lease.c; loop thread */
enum upload_step tus_take(struct upload *u);
enum upload_step tus_let_go(struct upload *u);
void tus_tick(struct upload *u);   /* the heartbeat */
void tus_drain(struct lane *lane); /* all of them let go: their clients go on elsewhere */
int tus_mail_start(struct lane *lane) __attribute__((warn_unused_result));
int tus_still_ours(void *arg); /* a struct tus; any thread */

/* tus_disk.c: jobs, on a pool thread. Each leaves its outcome in u->error. */
void tus_run_create(struct pool_job *job, char *buffer, size_t size);
void tus_run_look(struct pool_job *job, char *buffer, size_t size); /* is there such an upload? */
void tus_run_load(struct pool_job *job, char *buffer, size_t size);
void tus_run_keep(struct pool_job *job, char *buffer, size_t size);   /* a checkpoint amid a request */
void tus_run_end(struct pool_job *job, char *buffer, size_t size);    /* of a part */
void tus_run_break(struct pool_job *job, char *buffer, size_t size);  /* of a part that did not end well */
void tus_run_rehash(struct pool_job *job, char *buffer, size_t size); /* of the whole file */
void tus_run_remove(struct pool_job *job, char *buffer, size_t size);

/* tus_answer.c */
enum upload_step tus_answer(struct upload *u);

#endif
