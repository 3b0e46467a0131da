/*
 * Who is calling: from the Authorization header or the session's cookie to a user row read again for this request, so
 * that a changed password or a disabled user ends every token at once. It answers nothing itself: the HTTP side maps
 * the status.
 */
#ifndef LC_ADMIN_SECURITY_IDENTITY_H
#define LC_ADMIN_SECURITY_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/admin-api/security/keyring.h"
#include "services/admin-api/security/session.h"
#include "shared/db/db.h"

#define IDENTITY_NAME_SIZE 640 /* 150 characters of UTF-8 and NUL */

enum identity_status {
    IDENTITY_ANONYMOUS = 0, /* no credentials: 401 "Authentication credentials were not provided." */
    IDENTITY_KNOWN,         /* user_id and what follows are set */
    IDENTITY_BAD_HEADER,    /* 401 bad_authorization_header */
    IDENTITY_BAD_TOKEN,     /* 401 token_not_valid, "Token is invalid or expired" */
    IDENTITY_WRONG_TYPE     /* 401 token_not_valid, "Token has wrong type": a refresh token */
};

enum identity_source {
    IDENTITY_BY_BEARER = 1, /* no CSRF token needed */
    IDENTITY_BY_SESSION,
    IDENTITY_BY_ACCESS_TOKEN /* may do what its scopes say, and nothing else */
};

/* What the request brought. An Authorization header of any scheme switches cookies off. */
struct identity_credentials {
    const char *authorization; /* the header's value, not NUL-terminated; NULL: no such header */
    size_t authorization_len;
    const char *session; /* the cookie's value, not NUL-terminated; NULL: none */
    size_t session_len;
};

struct identity {
    enum identity_status status;
    enum identity_source source;
    int64_t user_id;
    char username[IDENTITY_NAME_SIZE];
    bool is_staff, is_superuser;
    bool has_totp;          /* a confirmed second factor exists */
    bool passed_2fa;        /* and this token or session went through it: what downloads ask for */
    struct session session; /* BY_SESSION */
    unsigned scopes;        /* BY_ACCESS_TOKEN: bits of enum access_scope */
};

/* 0 with out->status, or the database's negative errno. An anonymous request or a forged JWT costs no query. Any thread
 * that owns the connection. */
int identity_find(const struct keyring *keys, struct db_conn *c, const struct identity_credentials *given,
                  const struct session_limits *limits, int64_t now_us, struct identity *out)
    __attribute__((warn_unused_result));

#endif
