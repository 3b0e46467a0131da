/* What the files of this folder share. */
#ifndef LC_ADMIN_STORAGE_INTERNAL_H
#define LC_ADMIN_STORAGE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "proto/records.h"
#include "services/admin-api/storage/storage.h"
#include "shared/redis/client.h"
#include "shared/spool/spool.h"

enum filing_step { FILING_READ, FILING_RECORD, FILING_MOVE, FILING_PROJECT, FILING_STEPS };

struct storage {
    struct db *db;
    struct storage_options options;
    struct spool *spool;
    int archives;
    uint32_t gateway_uid;
    enum filing_step crash_after; /* tests: filing stops behind this step as a crash would; FILING_STEPS: never */

    pthread_mutex_t quick_lock; /* requests' own connection to Redis: they never wait for a sweep */
    struct redis_client *quick;
    int64_t quick_failed_ms; /* when it failed last, so that requests do not queue for a time-out each */

    struct redis_client *client, *subscriber; /* the keeper's */
    pthread_t keeper;
    bool keeping;
    atomic_bool stopping, poked;
    int last_error; /* of a sweep: said in the log when it changes */
    int64_t reconciled_ms;
};

int64_t storage_now_us(void);
int64_t storage_now_ms(void); /* monotonic */

/* store.c: directories and files. */
int store_open_archives(struct storage *s, char *why, size_t why_size);
/* Opens spool/new/<id> safely: a real directory. */
int store_open_spooled(struct storage *s, const char *id);
/* Decodes the manifest in `dir` and checks it against the id and the data file: 0, -EBADMSG (with `why`) or an error
 * of the moment. */
int store_check(struct storage *s, int dir, const char *id, struct record_manifest *m, const char **why);
/* Renames spool/new/<id> to archives/<xx>/<id>. Already there is success; -ENOENT: in neither. */
int store_file(struct storage *s, const char *id);
int store_remove(struct storage *s, const char *id); /* from archives/ and spool/new; not there is success */
int store_move(int from, int to, const char *id);    /* between two directories of the spool, durable */
bool store_has(struct storage *s, const char *id);   /* in archives/ */
int store_remove_tree(int at, const char *id);       /* data, manifest, state and the directory */
/* Calls `each` for every upload id in a spool directory until it returns non-zero. */
int store_each(int directory, int (*each)(void *arg, const char *id), void *arg);

/* filing.c. `wanted` 0: any ticket. -ENOENT: not in the spool any more. */
int filing_run(struct storage *s, struct db_conn *c, struct redis_client *r, const char *id, int64_t wanted);
int filing_sweep(struct storage *s, struct db_conn *c, struct redis_client *r, int64_t wanted, int64_t until_ms);

/* projection.c */
/* 1 sent, 0 no such ticket. freed_name: may be claimed again; filed_late: an id of the ledger that Redis still holds
 * among the unfiled. Either may be NULL. */
int projection_ticket(struct db_conn *c, struct redis_client *r, int64_t ticket_id, const char *freed_name,
                      const char *filed_late);
int projection_sweep(struct storage *s, struct db_conn *c, struct redis_client *r); /* all of it, if Redis lost it */
int projection_all(struct storage *s, struct db_conn *c, struct redis_client *r);

/* reconcile.c */
int reconcile_sweep(struct storage *s, struct db_conn *c, struct redis_client *r);
/* deletion.c */
int deletion_sweep(struct storage *s, struct db_conn *c);

#endif
