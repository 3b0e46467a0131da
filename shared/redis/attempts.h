/*
 * The attempt rules as typed calls over the scripts: reserve, renew, commit, release and status for the gateway (on a
 * link), project and reconcile for admin-api (on a client). All are idempotent by upload id; a call whose answer was
 * lost may simply be repeated. Upload ids are 32 lowercase hex digits; a token's hash is the hex SHA-256 of its
 * canonical form.
 */
#ifndef LC_SHARED_REDIS_ATTEMPTS_H
#define LC_SHARED_REDIS_ATTEMPTS_H

#include <stdint.h>

#include "shared/redis/client.h"
#include "shared/redis/link.h"

#define ATTEMPTS_ID_SIZE   33
#define ATTEMPTS_HASH_SIZE 65
#define ATTEMPTS_WAKE      "lc:filed-please" /* the channel of wake-ups; the message is a record_finished in hex */

enum admission_status {
    ADMISSION_UNAVAILABLE = 0, /* Redis away or wrong: 503 */
    ADMISSION_NO_EPOCH,        /* nothing projected yet: 503 */
    ADMISSION_OK,              /* leased */
    ADMISSION_DONE,            /* this upload id was committed before */
    ADMISSION_UNKNOWN,         /* no such token: 403 */
    ADMISSION_GONE,            /* the ticket was deleted: 410 for uploads in flight, 403 for new ones */
    ADMISSION_RESOLVED,        /* 423 */
    ADMISSION_EXPIRED,         /* attempts spent or lifetime over: 423 */
    ADMISSION_IN_USE,          /* attempts left but all leased: 423 with retry_ms */
    ADMISSION_THROTTLED,       /* unknown, and so were too many before: 429 with retry_ms */
    ADMISSION_TOO_MANY         /* as many uploads at a time as the limits allow: 429 */
};

struct attempts_limits {
    const char *network;              /* the client's (address_net_of) */
    int64_t failed_tokens, window_ms; /* unknown tokens per network and time; 0: any number */
    int64_t uploads;                  /* of one ticket at a time; 0: as many as attempts */
};

struct admission {
    enum admission_status status;
    int64_t ticket_id, number;
    int64_t attempts;   /* left for the customer: the database column minus committed uploads not yet filed; >= 0 */
    int64_t max_bytes;  /* 0: no limit of the ticket's own */
    int64_t expires_ms; /* 0: never */
    int64_t retry_ms;   /* IN_USE: until the first lease ends */
    int resolved;
    char platform[128];
    char epoch[64];
};

typedef void (*attempts_cb)(void *arg, const struct admission *a);

void attempts_reserve(struct redis_link *l, const char *token_hash, const char *upload_id, int64_t lease_ms,
                      attempts_cb cb, void *arg);
void attempts_reserve_within(struct redis_link *l, const char *token_hash, const char *upload_id, int64_t lease_ms,
                             const struct attempts_limits *limits, attempts_cb cb, void *arg);
/* The heartbeat: prolongs the lease without the state checks. `epoch` always is the one its reserve answered, not a
 * later one: after another epoch the lease is taken whatever is free (the upload had one when Redis lost its memory).
 * OK, DONE, GONE, or IN_USE: the lease lapsed and went to another; go on, the commit decides. */
void attempts_renew(struct redis_link *l, int64_t ticket_id, const char *upload_id, const char *epoch, int64_t lease_ms,
                    attempts_cb cb, void *arg);
/* `cb` follows when Redis has answered or cannot: a release that is lost ends with its lease. */
void attempts_release(struct redis_link *l, int64_t ticket_id, const char *upload_id, void (*cb)(void *arg), void *arg);
/* After a commit whose upload then could not be published and no longer lies in spool/tmp: gives back attempt and name.
 * Lost: admin-api's reconcile finds it. */
void attempts_forget(struct redis_link *l, int64_t ticket_id, const char *upload_id, void (*cb)(void *arg), void *arg);
/* Reads only: what /api/v1/check/token/ answers. IN_USE, RESOLVED, EXPIRED never come back: the fields say it. */
void attempts_status(struct redis_link *l, const char *token_hash, attempts_cb cb, void *arg);
void attempts_status_within(struct redis_link *l, const char *token_hash, const struct attempts_limits *limits,
                            attempts_cb cb, void *arg); /* THROTTLED may come back */

/* What arrived under a token, the last first: `receipts` are JSON objects as commits left them, at most 50. The status
 * is OK, UNKNOWN, THROTTLED, NO_EPOCH or UNAVAILABLE. */
typedef void (*attempts_receipts_cb)(void *arg, const struct admission *a, const char *const *receipts, size_t count);
void attempts_receipts(struct redis_link *l, const char *token_hash, const struct attempts_limits *limits,
                       attempts_receipts_cb cb, void *arg);

enum commit_status { COMMIT_UNAVAILABLE = 0, COMMIT_OK, COMMIT_GONE, COMMIT_REFUSED /* lapsed, and none free */ };

struct commit_request {
    int64_t ticket_id;
    const char *upload_id, *epoch;
    const char *names[4]; /* the wished one first, then suffixed ones; NULL ends */
    const char *receipt;  /* a JSON object without "name", kept among the last 50; the claimed name is put in front */
};

/* With COMMIT_OK: the name claimed, and the attempts left now; -1: not known. */
typedef void (*attempts_commit_cb)(void *arg, enum commit_status status, const char *name, int64_t left);

void attempts_commit(struct redis_link *l, const struct commit_request *r, attempts_commit_cb cb, void *arg);
/* COMMIT_OK with the name claimed (empty: not known) if that upload was committed and is not filed yet. */
void attempts_claimed(struct redis_link *l, int64_t ticket_id, const char *upload_id, attempts_commit_cb cb, void *arg);
void attempts_wake(struct redis_link *l, const void *record, size_t len); /* PUBLISH, fire and forget */

/* admin-api's side, blocking. 0 or negative errno (see redis_client_command; -EPROTO: script error). */
struct projection {
    int64_t ticket_id, number, attempts, max_bytes, expires_ms, rev;
    int resolved, gone;
    const char *token_hash, *old_token_hash; /* old: rotated away, its key is deleted; may be NULL */
    const char *platform;
    const char *const *filed; /* upload ids that the database has now: leave open and done */
    size_t filed_count;
    const char *const *unfiled; /* after a loss: what lies unfiled in spool/new, id and name by turns; it is done */
    size_t unfiled_count;
    const char *const *freed_names; /* names that became free (deleted, renamed) */
    size_t freed_count;
    const char *const *taken_names; /* the filed ones' names; after a loss those of all archives */
    size_t taken_count;
    int taken_are_all; /* every archive of the ticket has its name there: others are free again */
};

/* One ticket. The row is written unless Redis has a newer rev; the lists are applied always. attempts, rev and filed
 * must come from one reading of the database: rev grows in the transaction that files. A deleted ticket (gone) stays
 * deleted whatever comes later; of its fields only ticket_id, rev, the token hashes and filed are used. */
int attempts_project(struct redis_client *c, const struct projection *p);
/* The same, and what became of it. Of a ticket that lives in the database, OLDER than it is there, or GONE, says that
 * Redis was told of it by another database, or by a newer state of this one. */
enum projection_fate { PROJECTION_NEWER, PROJECTION_OLDER, PROJECTION_GONE };
int attempts_project_fate(struct redis_client *c, const struct projection *p, enum projection_fate *fate);
/* done ids older than `age_ms` of one ticket: malloc'ed list (caller frees each and the list). */
int attempts_stale_done(struct redis_client *c, int64_t ticket_id, int64_t age_ms, char ***ids, size_t *count);
/* Reconcile's last step: gives back attempt and name of an upload that is neither in spool/new nor in the ledger. Its
 * spool/tmp directory must be in the trash before that is looked up, or a late rename publishes it for nothing. An id
 * that is in the ledger is not forgotten but projected once more as filed (its late commit came after the filing). */
int attempts_forget_done(struct redis_client *c, int64_t ticket_id, const char *upload_id);
/* Is there a live lease? 1, 0 or negative errno. */
int attempts_is_open(struct redis_client *c, int64_t ticket_id, const char *upload_id);
/* The uploads with a live lease: a malloc'ed list as above. */
int attempts_open_uploads(struct redis_client *c, int64_t ticket_id, char ***ids, size_t *count);
int attempts_epoch_get(struct redis_client *c, char out[64]); /* 0; -ENOENT: none */
/* Around a full projection. From the beginning on nothing new is granted; the epoch (its own each time, of no more than
 * 63 bytes) is set only if Redis still remembers that it was begun, otherwise -ESTALE: it lost its memory, and with it
 * what was projected since; begin again. Several processes may project at once: the first to end sets it. */
int attempts_epoch_begin(struct redis_client *c, const char *epoch);
int attempts_epoch_set(struct redis_client *c, const char *epoch);
int attempts_clear(struct redis_client *c); /* removes lc:* but the lineage */

/* Which history of which database was told to this Redis. */
struct lineage {
    char name[40];
    int64_t told; /* grows: the database knows the number before Redis hears it */
};
int attempts_lineage_get(struct redis_client *c, struct lineage *out); /* 0; -ENOENT: none */
/* `anew`: whatever is there. Otherwise only what goes on in the lineage that is there. */
int attempts_lineage_set(struct redis_client *c, const struct lineage *l, int anew);

#endif
