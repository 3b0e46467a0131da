/*
 * SHA-256 (FIPS 180-4) of two messages at a time, block by block, by the processor's SHA instructions: they are bound
 * by latency, so that a second message between them is nearly free. What digest.c is made with; nobody else's.
 */
#ifndef LC_SHARED_DIGEST_PAIR_H
#define LC_SHARED_DIGEST_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAIR_BLOCK 64

/* Has this processor the instructions? */
bool pair_is_there(void);
/* Hashes `blocks` blocks of each message into its eight state words. Only where pair_is_there. */
void pair_blocks(uint32_t a[8], const unsigned char *a_data, uint32_t b[8], const unsigned char *b_data, size_t blocks);

#endif
