/* What the files of this folder share. */
#ifndef LC_ADMIN_STORAGE_INTERNAL_H
#define LC_ADMIN_STORAGE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "proto/records.h"
#include "services/admin-api/storage/storage.h"
#include "shared/http/filename.h"
#include "shared/redis/client.h"
#include "shared/spool/spool.h"

#define STORAGE_METHOD_API "api" /* of the manifest: bytes that did not come through the gateway */

enum sweep_part {
    SWEEP_DATABASE,
    SWEEP_FILING,
    SWEEP_CLOCK,
    SWEEP_RETENTION,
    SWEEP_DELETION,
    SWEEP_PROJECTION,
    SWEEP_RECONCILE,
    SWEEP_PARTS
};

/* What a sweep over many came to: the first error (the others had their turn all the same), whose it was and why. */
struct sweep_outcome {
    int error;
    char upload_id[STORAGE_ID_SIZE], why[256];
    bool cut_short; /* the time was over before all had their turn */
};

struct storage {
    struct db *db;
    struct storage_options options;
    struct spool *spool;
    int archives;
    atomic_bool shelves_kept[256]; /* archives/<xx> whose entry this process has synced */
    uint32_t gateway_uid;

    pthread_mutex_t quick_lock; /* requests' own connection to Redis: they never wait for a sweep */
    struct redis_client *quick;
    int64_t quick_failed_ms; /* when it failed last, so that requests do not queue for a time-out each */
    int quick_error;         /* and how */
    _Atomic int redis_said;  /* what readiness found last */

    struct redis_client *client, *subscriber; /* the keeper's */
    pthread_t keeper;
    bool keeping;
    atomic_bool stopping, poked;
    struct sweep_outcome failing[SWEEP_PARTS]; /* of each part last time: said in the log when it changes */
    int64_t reconciled_ms, expired_ms;         /* when it was looked at last */
    bool clock_is_wrong;                       /* nothing is removed for its age */
    bool strange;                              /* Redis has something of another database: found by a projection */
};

/* storage.c: Redis for a request's sake, at most one time-out a second in all, whoever asks; the same error in between.
 */
int storage_quickly(struct storage *s, int (*run)(struct storage *s, struct db_conn *c, void *arg), struct db_conn *c,
                    void *arg);

/* store.c: directories and files. */
int store_open_archives(struct storage *s, char *why, size_t why_size);
/* Files of archives are removed only under a shared lock of archives/.deletion, which a backup holds alone: the
 * descriptor whose closing gives it back, -EWOULDBLOCK: a backup is being made, or another error. */
int store_enter_deletion(struct storage *s);
/* `each` with every archives/<xx> that is there, until it returns non-zero, which is then returned. */
int store_each_shelf(int archives, int (*each)(void *arg, int shelf), void *arg);
int store_open_shelf(struct storage *s, const char *id); /* archives/<xx>, made if missing: a descriptor */
int store_write_file(int dir, const char *name, const void *data, size_t len); /* a new one, fsynced */
/* Opens spool/new/<id> safely: a real directory. */
int store_open_spooled(struct storage *s, const char *id);
/* Decodes the manifest in `dir` and checks it against the id and the data file: 0, -EBADMSG (it will never be good;
 * with `why`), -EPERM (another user's: GATEWAY_UID may be wrong, so it is left where it is) or an error of the moment.
 */
int store_check(struct storage *s, int dir, const char *id, struct record_manifest *m, const char **why);
/* What spool/tmp/<id> shows of an upload under way; what is not there stays as it is. 0 or a negative errno. */
int store_peek(struct storage *s, struct storage_upload *u);
/* Renames spool/new/<id> to archives/<xx>/<id>. Done before is success; -ENOENT: in neither; -EEXIST or -ENOTEMPTY:
 * in both. */
int store_file(struct storage *s, const char *id);
int store_remove(struct storage *s, const char *id); /* from spool/new and archives/; not there is success */
/* Between two directories of one file system, durable. 1; 0: another did; or negative. */
int store_move(int from, int to, const char *id);
/* The same to spool/trash, over what is there; 0: or there was nothing. */
int store_trash(struct storage *s, int from, const char *id);
int store_remove_tree(int at, const char *id); /* whatever it is; not there is success */
/* Calls `each` for every upload id in a spool directory until it returns non-zero. */
int store_each(int directory, int (*each)(void *arg, const char *id), void *arg);

/* filing.c. `wanted` 0: every ticket's. `until_ms` (monotonic) 0: without limit. Returns out->error. */
int filing_sweep(struct storage *s, struct db_conn *c, int64_t wanted, int64_t until_ms, struct sweep_outcome *out);

/* In a transaction: the row of an archive, its name suffixed when the ticket has one of that name. */
int filing_add_archive(const struct storage *s, struct db_conn *c, const struct record_manifest *m);

/* projection.c */
struct projection_extra {   /* each may be NULL */
    const char *freed_name; /* may be claimed again */
    const char *filed_late; /* an id of the ledger that Redis holds as not filed */
    const char *doubtful;   /* a name that may be claimed again unless one of its archives has it */
    const char *retired;    /* the hash of a token rotated away */
    bool names_too;         /* all names of its archives; others are free again */
};
/* 1 sent, 0 no such ticket; -EUCLEAN: Redis has it from another database, see lineage.c. */
int projection_ticket(struct db_conn *c, struct redis_client *r, int64_t ticket_id,
                      const struct projection_extra *extra);
int projection_bury(struct db_conn *c, struct redis_client *r);                     /* what tombstones say */
int projection_sweep(struct storage *s, struct db_conn *c, struct redis_client *r); /* all of it, if Redis lost it */
int projection_all(struct storage *s, struct db_conn *c, struct redis_client *r);

/* mark.c: is DATA_DIR the database's? 0, perhaps marked as such now, or negative with one line in `why`. */
int mark_check(struct storage *s, char *why, size_t why_size);

/* lineage.c */
void lineage_note_told(void); /* Redis was told something that is in the database */
/* Is it? Empties a Redis that was told by another database, or (`certain`) is known to have been. 0 or negative. */
int lineage_check(struct db_conn *c, struct redis_client *r, bool certain);
int lineage_begin(struct db_conn *c, struct redis_client *r); /* empties it in any case */
int lineage_count(struct db_conn *c, struct redis_client *r); /* what was told since the last time */

/* clock.c: may things be removed for their age? 0; -ETIME with a line in `why`; or the database's error. */
int clock_check(struct storage *s, struct db_conn *c, struct redis_client *r, char *why, size_t why_size);

/* orphans.c: what of spool/orphans is */
enum orphan {
    ORPHAN_NOBODYS,  /* to be removed after ORPHAN_RETENTION */
    ORPHAN_DOUBTFUL, /* never removed: its row has a file, or one of another size; or it cannot be read as GATEWAY_UID's
                      */
    ORPHAN_OF_ROW,   /* the file that its row has not */
    ORPHAN_OF_TICKET, /* could be filed */
};
int orphan_look(struct storage *s, struct db_conn *c, const char *id); /* one of them, or negative */
/* To archives/, or to spool/new. */
int orphan_return(struct storage *s, const char *id, enum orphan what);

/* reconcile.c */
int reconcile_sweep(struct storage *s, struct db_conn *c, struct redis_client *r);
int reconcile_empty(struct storage *s);                               /* what is old in spool/trash */
int reconcile_end_orphan(struct storage *s, const char *id);          /* of spool/orphans: removed and counted */
bool reconcile_is_abandoned(struct storage *s, const char *id);       /* of spool/tmp */
bool reconcile_is_old(int directory, const char *id, int64_t age_ms); /* of spool/trash or spool/orphans; 0: never */

/* retention.c */
struct expiring { /* an archive whose time is over */
    int64_t id, ticket_id, number, size;
    const char *platform, *rule; /* rule: the setting that ends it */
    char upload_id[STORAGE_ID_SIZE], name[FILENAME_SIZE];
};
/* What retention_sweep would delete now. 0, negative, or what `each` returned below 0. */
int retention_each(struct storage *s, struct db_conn *c, int (*each)(void *arg, const struct expiring *e), void *arg);
/* Deletes it, page by page: rows, `doomed`, audit log in one transaction each; then the names are free again. */
int retention_sweep(struct storage *s, struct db_conn *c, struct redis_client *r, struct sweep_outcome *out);

/* deletion.c. `until_ms` as above. */
int deletion_sweep(struct storage *s, struct db_conn *c, int64_t until_ms, struct sweep_outcome *out);

#endif
