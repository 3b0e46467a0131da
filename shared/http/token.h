/* Upload tokens: version-4 UUIDs in the spellings people paste, and their hash. Any thread. */
#ifndef LC_SHARED_HTTP_TOKEN_H
#define LC_SHARED_HTTP_TOKEN_H

#include "shared/http/head.h"

#define TOKEN_SIZE      37
#define TOKEN_HASH_SIZE 65

/* Canonical lowercase form with dashes from any UUID spelling: without dashes, any case, in braces, urn:uuid:, with
 * surrounding spaces. 0 or -EINVAL. */
int token_canonical(struct span text, char out[TOKEN_SIZE]) __attribute__((warn_unused_result));
/* Lowercase hex SHA-256 of the canonical form. 0 or -EIO. */
int token_hash(const char *canonical, char out[TOKEN_HASH_SIZE]) __attribute__((warn_unused_result));
int token_new(char out[TOKEN_SIZE]) __attribute__((warn_unused_result)); /* 122 bits of getrandom */

#endif
