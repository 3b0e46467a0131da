/*
 * JSON Web Tokens as the API gives them out: HS256 (RFC 7515, 7519) under a key derived from SECRET_KEY, nothing else
 * accepted. It knows no users: whether the claims still hold is identity.h. Any thread.
 */
#ifndef LC_ADMIN_SECURITY_JWT_H
#define LC_ADMIN_SECURITY_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/admin-api/security/keyring.h"

#define JWT_LENGTH_MAX 4096 /* bytes of a token; longer ones are refused unread */

enum jwt_type { JWT_ACCESS, JWT_REFRESH };

struct jwt_claims {
    enum jwt_type type;
    int64_t user_id;
    int64_t ver;      /* users.auth_version when it was given out */
    int64_t iat, exp; /* seconds since 1970 */
    bool mfa;         /* the login passed the second factor */
};

/* *out: malloc'ed, NUL-terminated; a random jti is added. 0 or -ENOMEM. */
int jwt_sign(const struct keyring *k, const struct jwt_claims *claims, char **out) __attribute__((warn_unused_result));

/* Checks form, algorithm and signature (of the current key or a fallback), claims and `now` (seconds since 1970).
 * 0; -EKEYREJECTED: not ours or not whole; -EKEYEXPIRED; -ENOMEM. The type is the caller's to compare. */
int jwt_open(const struct keyring *k, const char *token, size_t len, int64_t now, struct jwt_claims *out)
    __attribute__((warn_unused_result));

#endif
