/*
 * clamd's INSTREAM (clamd(8)): the bytes of one file in pieces, one line back. Blocks, bounded by silence; any thread.
 * Nothing is decompressed here, and clamd needs no access to our files.
 */
#ifndef LC_ADMIN_SCAN_CLAMD_H
#define LC_ADMIN_SCAN_CLAMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum clamd_verdict {
    CLAMD_CLEAN,
    CLAMD_INFECTED,
    CLAMD_TOO_LARGE,
    CLAMD_GIVEN_UP /* by the caller: never its answer */
};

struct clamd_job {
    const char *where;  /* /path of a unix socket, or host:port */
    int64_t timeout_ms; /* how long it may be silent */
    int fd;             /* the file, from its beginning; stays the caller's */
    /* Asked about every second while it works: false ends it with -ECANCELED. */
    bool (*go_on)(void *arg);
    void *arg;
};

struct clamd_answer {
    enum clamd_verdict verdict;
    char text[200]; /* what it found, or what it said when it failed; printable ASCII */
};

/* 0: it is there; otherwise it cannot be reached or is not clamd: -ECONNREFUSED, -ENOENT, -ETIMEDOUT, -EPIPE, -EBADMSG
 * … The job's file is not looked at. */
int clamd_ping(const struct clamd_job *job) __attribute__((warn_unused_result));

/* 0 with a verdict; -EBADMSG: it refused this file, in answer->text; otherwise it was silent or hung up: -ETIMEDOUT,
 * -EPIPE …, or as clamd_ping; an error of reading the file: -EIO. */
int clamd_scan(const struct clamd_job *job, struct clamd_answer *answer) __attribute__((warn_unused_result));

/* config_row.check of where it listens; "" is fine. */
int clamd_check_where(const char *value, char *why, size_t why_size);

#endif
