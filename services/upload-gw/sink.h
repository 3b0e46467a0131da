/*
 * Where an upload's bytes go: SHA-256 and a file in the spool, written in order. One thread at a time (a receiver while
 * bytes come, a publisher at the end). Returns GATEWAY_OK or the refusal the customer gets.
 */
#ifndef LC_GATEWAY_SINK_H
#define LC_GATEWAY_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "services/upload-gw/errors.h"
#include "shared/digest/digest.h"
#include "shared/spool/spool.h"

struct sink {
    struct spool *spool;
    const char *id;
    int64_t limit;                   /* bytes; more is TOO_LARGE */
    int64_t reserve;                 /* free space never taken */
    const _Atomic int64_t *promised; /* bytes that other uploads still have coming */
    int64_t expected;                /* size if known, else -1: decides how far ahead blocks are allocated */
    int64_t size;                    /* written so far */
    int64_t allocated;               /* blocks taken ahead up to here */
    int64_t synced;                  /* writing to disk was started up to here */
    int64_t checked;                 /* free space was looked at up to here (unknown size) */
    int fd;                          /* -1: opened by the first byte */
    bool no_allocate;                /* the file system cannot */
    bool resumed;                    /* the file is there already */
    struct checksum *second;         /* of what one request brings; may be NULL, not owned */
    int error;                       /* the errno behind STORAGE or NO_SPACE, for the log */
    struct digest digest;
    unsigned char sha256[DIGEST_SIZE]; /* after sink_finish */
};

/* `promised`: what uploads of known length have declared and not yet taken, this one included. */
void sink_init(struct sink *s, struct spool *spool, const char *id, int64_t limit, int64_t reserve,
               const _Atomic int64_t *promised, int64_t expected);
enum gateway_error sink_write(struct sink *s, const char *data, size_t len) __attribute__((warn_unused_result));
/* Forgets what was written: a second part named `file` replaces the first. */
enum gateway_error sink_restart(struct sink *s) __attribute__((warn_unused_result));
/* Gives back blocks allocated ahead, fsyncs, closes, completes the digest. A failed fsync is final. */
enum gateway_error sink_finish(struct sink *s) __attribute__((warn_unused_result));
/* Goes on with a file that holds `size` good bytes, whose digest is in s->digest. */
void sink_resume(struct sink *s, int64_t size);
/* What is written is on the disk afterwards; exactly that, if it is the end. */
enum gateway_error sink_keep(struct sink *s, bool end) __attribute__((warn_unused_result));
/* Drops what was written beyond `size`, and closes. */
void sink_rewind(struct sink *s, int64_t size);
enum gateway_error sink_close(struct sink *s);
void sink_discard(struct sink *s); /* closes and removes whatever there is */

#endif
