/*
 * SHA-256 (FIPS 180-4) whose state is a plain struct, so that it can be kept in a file and gone on with: the resumable
 * uploads' midstate. OpenSSL's block function does the work, or for two digests at once our own (pair.h). Any thread,
 * one at a time per digest.
 */
#ifndef LC_SHARED_DIGEST_DIGEST_H
#define LC_SHARED_DIGEST_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE       32
#define DIGEST_HEX_SIZE   65
#define DIGEST_STATE_SIZE 112

struct digest {
    unsigned long long opaque[14]; /* an SHA256_CTX */
};

void digest_init(struct digest *d);
void digest_update(struct digest *d, const void *data, size_t len);
/* Goes on with two digests by `len` bytes each: where digest_pairs, in little more time than one of them takes. */
void digest_update_pair(struct digest *a, const void *a_data, struct digest *b, const void *b_data, size_t len);
/* Has this processor what makes a pair cheap? */
bool digest_pairs(void);
void digest_final(struct digest *d, unsigned char out[DIGEST_SIZE]); /* d is used up */

/* The state over the bytes so far, to go on from; of this machine's byte order. */
void digest_save(const struct digest *d, unsigned char out[DIGEST_STATE_SIZE]);
/* 0, or -EBADMSG: no state over `count` bytes. */
int digest_load(struct digest *d, const unsigned char in[DIGEST_STATE_SIZE], uint64_t count)
    __attribute__((warn_unused_result));

/* Lowercase hex of `len` bytes with NUL: out holds 2 * len + 1. */
void digest_hex(const unsigned char *bytes, size_t len, char *out);

#endif
