/*
 * The token that pages of ours prove themselves with: an HMAC of the session's hash under a key from SECRET_KEY, so it
 * needs no storage, and a cookie planted from a sibling domain is worth nothing. Any thread.
 */
#ifndef LC_ADMIN_SECURITY_CSRF_H
#define LC_ADMIN_SECURITY_CSRF_H

#include <stdbool.h>
#include <stddef.h>

#include "services/admin-api/security/keyring.h"

#define CSRF_SIZE 44 /* base64url of 32 bytes, and NUL */

/* 0 or -ENOMEM. */
int csrf_make(const struct keyring *k, const char *session_hash, char out[CSRF_SIZE])
    __attribute__((warn_unused_result));
/* Is it that session's, under the current key or a former one? In constant time. */
bool csrf_holds(const struct keyring *k, const char *session_hash, const char *token, size_t len);

#endif
