/*
 * Where an upload's bytes go: a file in the spool, written in order, through the page cache or past it. The receiver
 * hashes what it has staged into s->digest. One thread at a time (a receiver while bytes come, a publisher at the end).
 * Returns GATEWAY_OK or the refusal the customer gets.
 */
#ifndef LC_GATEWAY_SINK_H
#define LC_GATEWAY_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "services/upload-gw/errors.h"
#include "shared/digest/digest.h"
#include "shared/spool/spool.h"

#define DIRECT_ALIGN 4096 /* of memory, place and length of direct writes: as much as any disk asks for */

/* A piece of a receiver's memory where an upload's bytes are gathered, hashed and written from: the file's byte
 * `stored` lies at base + begin. */
struct stage {
    char *base; /* aligned for direct writes */
    size_t size, begin;
    size_t len, hashed; /* from begin on */
};

struct sink {
    struct spool *spool;
    const char *id;
    int64_t limit;                   /* bytes; more is TOO_LARGE */
    int64_t reserve;                 /* free space never taken */
    const _Atomic int64_t *promised; /* bytes that other uploads still have coming */
    int64_t expected;                /* size if known, else -1: decides how far ahead blocks are allocated */
    int64_t size;                    /* taken so far: stored, staged or in the tail */
    int64_t stored;                  /* written so far, or being written */
    int64_t allocated;               /* blocks taken ahead up to here */
    int64_t synced;                  /* writing to disk was started up to here */
    int64_t checked;                 /* free space was looked at up to here (unknown size) */
    int fd;                          /* -1: opened by the first byte */
    bool no_allocate;                /* the file system cannot */
    bool resumed;                    /* the file is there already */
    struct checksum *second;         /* of what one request brings; may be NULL, not owned */
    bool direct;                     /* the file is written past the page cache now */
    bool no_direct;                  /* it cannot be */
    unsigned writing;                /* direct writes under way */
    struct stage *stage;             /* the receiver's, while it has the sink */
    char *tail;                      /* DIRECT_ALIGN bytes, once written directly: what does not fill a block yet */
    size_t tail_len;                 /* hashed, not stored */
    enum gateway_error fault;        /* of a write; final */
    int error;                       /* the errno behind STORAGE or NO_SPACE, for the log */
    struct digest digest;
    unsigned char sha256[DIGEST_SIZE]; /* after sink_finish */
};

/* `promised`: what uploads of known length have declared and not yet taken, this one included. */
void sink_init(struct sink *s, struct spool *spool, const char *id, int64_t limit, int64_t reserve,
               const _Atomic int64_t *promised, int64_t expected);
/* Takes bytes into the stage, which has the room; they may lie in it, further on, themselves. */
enum gateway_error sink_write(struct sink *s, const char *data, size_t len) __attribute__((warn_unused_result));
/* Writes what is staged, and empties the stage. */
enum gateway_error sink_store(struct sink *s, struct stage *stage) __attribute__((warn_unused_result));
/* Makes the stage ready for the next bytes: at the memory's beginning, or so that direct writes are aligned. */
void sink_stage(struct sink *s, struct stage *stage, bool direct);
/* Of what is staged for direct writes stores what comes before the first whole block and keeps what comes after the
 * last one; `*len` bytes between them the caller is to write at `*at`. */
enum gateway_error sink_store_edges(struct sink *s, struct stage *stage, const char **from, size_t *len, int64_t *at)
    __attribute__((warn_unused_result));
/* Writes through the page cache, at any place; what fails is the sink's fault, too. */
enum gateway_error sink_put(struct sink *s, const char *data, size_t len, int64_t at);
void sink_direct_off(struct sink *s);
/* A write has failed: GATEWAY_NO_SPACE or GATEWAY_STORAGE, which s->fault says from then on. */
enum gateway_error sink_fail(struct sink *s, int err);
/* Gives back blocks allocated ahead, fsyncs, closes, completes the digest. A failed fsync is final. What cannot be
 * resumed stays locked until sink_close, which is for after the publish: nobody else may take it for abandoned. */
enum gateway_error sink_finish(struct sink *s) __attribute__((warn_unused_result));
/* Goes on with a file that holds `size` good bytes, whose digest is in s->digest. */
void sink_resume(struct sink *s, int64_t size);
/* The file holds all that was taken; exactly that, if it is the end. Whoever counts on it syncs s->fd, if any. */
enum gateway_error sink_complete(struct sink *s, bool end) __attribute__((warn_unused_result));
/* Drops what was written beyond `size`, and closes. */
void sink_rewind(struct sink *s, int64_t size);
enum gateway_error sink_close(struct sink *s);
void sink_discard(struct sink *s); /* closes and removes whatever there is */

#endif
