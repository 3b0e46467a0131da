/*
 * What admin-api does with uploads once they are published: files them (spool → database → archives/), tells Redis
 * (projection), gives attempts of lost uploads back (reconcile), removes what was deleted (doomed). Every step may be
 * repeated; a crash between any two is finished by the next sweep. Functions may be called from any thread that owns
 * the database connection it passes. Errors: negative errno as in shared/db/db.h and shared/redis/client.h.
 */
#ifndef LC_ADMIN_STORAGE_STORAGE_H
#define LC_ADMIN_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/db/db.h"

struct redis_target;
struct storage;

struct storage_options {
    const char *data_dir;
    const struct redis_target *redis;
    unsigned redis_timeout_ms;
    void (*observe_redis)(int64_t microseconds); /* told how long commands took; any thread. NULL: nobody */
    int64_t gateway_uid; /* whose files are filed, others stay where they are; -1: this process's own */
    int64_t sweep_ms, filing_wait_ms;
    int64_t reconcile_age_ms; /* also how long trash is kept */
    bool scans;               /* new archives wait for the malware scan */
    int64_t orphan_retention_ms /* 0: for ever */, expiry_ms;
    int64_t clock_ahead_ms, clock_gap_ms;            /* what is too much; 0: nothing is */
    int64_t retention_all_ms, retention_resolved_ms; /* 0: for ever; a platform may say otherwise */
    bool looks_only;                                 /* DATA_DIR is not marked as the database's */
    bool database_unread;                            /* nor compared: there is none yet, or one of an older release */
};

/* Opens DATA_DIR/spool and DATA_DIR/archives (0700, made if missing) and tries a rename between them. 0, or negative
 * with one line in `why` that says what to do; -EEXIST: archives/ is another database's. `db` and options->redis must
 * outlive the storage. */
int storage_open(struct db *db, const struct storage_options *options, struct storage **out, char *why, size_t why_size)
    __attribute__((warn_unused_result));
void storage_close(struct storage *s); /* ends the keeper first */
/* May a database that is to be made have this DATA_DIR? 0; -EEXIST: it is another's, with one line in `why`. */
int storage_is_free(const char *data_dir, char *why, size_t why_size) __attribute__((warn_unused_result));
/* It is this database's from here on, whosever it was. -ENOENT: it has no archives/ yet. */
int storage_accept(const char *data_dir, struct db_conn *c) __attribute__((warn_unused_result));

/* The background thread: sweeps at start, on every wake-up from the gateways and every sweep_ms. */
int storage_keep(struct storage *s) __attribute__((warn_unused_result));
/* Asks it for a sweep soon; any thread. */
void storage_poke(struct storage *s);
/* One whole sweep in the caller's thread, where no keeper runs. 0 or the first error; the rest was tried all the same.
 */
int storage_sweep(struct storage *s);

/* Files the uploads of this ticket that lie in the spool, for at most filing_wait_ms; before answering about it. What
 * cannot be filed keeps nobody from the rest: the keeper says it and tries again. */
void storage_file_ticket(struct storage *s, struct db_conn *c, int64_t ticket_id);
/* The same for every upload, before a list of archives. */
void storage_file_all(struct storage *s, struct db_conn *c);

/* After a commit that raised the ticket's rev: tells Redis at once. Failing is no harm: the sweep repeats it. */
void storage_ticket_changed(struct storage *s, struct db_conn *c, int64_t ticket_id);
/* An archive was deleted or renamed: its name may be used again. */
void storage_name_freed(struct storage *s, struct db_conn *c, int64_t ticket_id, const char *name);

/* Inside the transaction that deletes, before its DELETE: notes files to remove and tickets to bury. */
int storage_doom_archive(struct db_conn *c, int64_t archive_id, int64_t now_us) __attribute__((warn_unused_result));
/* Inside the transaction that renames or moves an archive, before its UPDATE: Redis hears of the name that is free
 * again, by the sweep if need be. */
int storage_names_changed(struct db_conn *c, int64_t archive_id) __attribute__((warn_unused_result));
int storage_doom_ticket(struct db_conn *c, int64_t ticket_id, int64_t now_us) __attribute__((warn_unused_result));
int storage_doom_platform(struct db_conn *c, int64_t platform_id, int64_t now_us) __attribute__((warn_unused_result));
/* Inside the transaction that gives a ticket another token, before its UPDATE: the old one ends. */
int storage_retire_token(struct db_conn *c, int64_t ticket_id, int64_t now_us) __attribute__((warn_unused_result));
/* After its commit: tells Redis and removes the files. What fails or takes long is done by the sweep. */
void storage_after_delete(struct storage *s, struct db_conn *c);

/* Opens an archive's bytes for reading: the descriptor (the caller's), -ENOENT if they are not there, -EBADMSG if
 * what is there is no file (a link, a pipe), -EINVAL for what is no upload id, or another error. */
int storage_open_archive(struct storage *s, const char *upload_id, int64_t *size) __attribute__((warn_unused_result));
/* openat2 that follows no symlink and stays below `at`: a descriptor, or negative. */
int storage_open_beneath(int at, const char *path, uint64_t flags) __attribute__((warn_unused_result));

#define STORAGE_SHA256_SIZE 65
#define STORAGE_ID_SIZE     33

struct storage_file { /* of bytes that came through the API rather than the gateway */
    char upload_id[STORAGE_ID_SIZE], sha256[STORAGE_SHA256_SIZE];
};
/* What a new archive's `scan` says: pending, or skipped where nothing scans. Static text. */
const char *storage_scan_state(const struct storage *s);
/* Writes and fsyncs archives/<id>; the caller puts the id into its row. On a failed transaction: storage_drop. */
int storage_put(struct storage *s, const void *data, size_t len, const char *name, int64_t ticket_id, int64_t number,
                struct storage_file *out) __attribute__((warn_unused_result));
void storage_drop(struct storage *s, const char *upload_id);

struct storage_upload { /* under way: as Redis and the spool show it */
    char upload_id[STORAGE_ID_SIZE];
    int64_t bytes;              /* received so far */
    int64_t length;             /* of the whole; -1: not known */
    int64_t started_us;         /* 0: the file system does not tell */
    char name[512], client[64]; /* "" until known */
};
/* Calls `each` for every upload of the ticket that holds an attempt; what it returns below 0 ends the list and is
 * returned. Redis away: a negative errno of it. */
int storage_uploads(struct storage *s, int64_t ticket_id, int (*each)(void *arg, const struct storage_upload *u),
                    void *arg) __attribute__((warn_unused_result));

/* A file of another server's, to become an archive. */
struct storage_adoption {
    const char *path; /* below the directory; no symlink on the way */
    const char *upload_id, *name;
    int64_t ticket_id, number, time_us;
};
struct storage_adopted {
    int64_t size;
    char sha256[STORAGE_SHA256_SIZE], md5[33];
};
/* Copies it to archives/<id>, fsynced, over what an interrupted copy left there, and adds ledger and archive rows; the
 * original stays. 0; 1: that id was taken over before, perhaps deleted since; -ENOENT: no such file; -ELOOP, -EXDEV:
 * not below the directory; -EINVAL: not a regular file. */
int storage_adopt(struct storage *s, struct db_conn *c, int directory, const struct storage_adoption *what,
                  struct storage_adopted *out) __attribute__((warn_unused_result));

struct storage_info {
    int64_t total, used, free; /* bytes */
    int64_t spooled, orphans;  /* uploads */
    int64_t spooled_oldest_s;  /* how long the oldest upload of the spool waits; 0: there is none */
};
int storage_info(struct storage *s, struct storage_info *out) __attribute__((warn_unused_result));
/* Could it be written, as its file system says: 0, -EROFS, -ENOSPC or another error. For readiness and `check`. */
int storage_ready(struct storage *s);
int storage_redis_ready(struct storage *s); /* 0 or negative: for readiness and `check` */

/* Compares directories with the database. `report` is called for each finding: what, which upload, what was or would be
 * done. "returned": from spool/orphans, as a row or a ticket of it is there; "unknown": in archives/ without a row,
 * moved to the spool, where it is filed unless it was before; "missing": a row without a file; "damaged": a file of
 * another size than its row says; "expired", "orphan", "trash", "abandoned", "doomed": what retention, expiry and
 * deletion remove; "young": younger than reconcile_age_ms, so not yet taken for unknown; "unfiled": what keeps an
 * upload in the spool. A dry run names exactly what the other would remove. A live service beside it does no harm.
 * -ETIME: the clock cannot be trusted, as a report of the kind "clock" has said; nothing was done. */
typedef void (*storage_report)(void *arg, const char *what, const char *upload_id, const char *action);
int storage_cleanup(struct storage *s, struct db_conn *c, bool dry_run, storage_report report, void *arg);
/* Clears lc:* in Redis, projects every ticket again and sets a new epoch; where no keeper runs. */
int storage_project_all(struct storage *s, struct db_conn *c);

#endif
