/*
 * Sessions of the panel: a random token in a cookie, its hash in a row. A session ends by itself (idle for too long, or
 * too old), by being ended, or because its user's password, status or second factor changed.
 * Errors are the database's. Used by whoever owns the connection.
 */
#ifndef LC_ADMIN_SECURITY_SESSION_H
#define LC_ADMIN_SECURITY_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/admin-api/security/opaque.h"
#include "shared/db/db.h"

#define SESSIONS_MAX       50  /* of one user; the one unused for longest goes */
#define SESSION_AGENT_SIZE 257 /* bytes of the User-Agent kept, and NUL */

struct session_limits { /* microseconds */
    int64_t idle_us, lifetime_us;
};

struct session_start {
    int64_t user_id, auth_version;
    bool passed_2fa;
    const char *address, *user_agent; /* UTF-8 */
};

struct session {
    int64_t id, user_id;
    char hash[OPAQUE_HASH_SIZE];
    bool passed_2fa;
};

/* A new row, and the token for its cookie. Rows that have ended go. Run it in a transaction. */
int session_begin(struct db_conn *c, const struct session_start *start, const struct session_limits *limits,
                  int64_t now_us, char token[OPAQUE_SIZE]) __attribute__((warn_unused_result));

/* 1 with *out, 0: no such session, or it has ended. Notes now and then that it is in use. */
int session_find(struct db_conn *c, const char *token, size_t len, const struct session_limits *limits, int64_t now_us,
                 struct session *out) __attribute__((warn_unused_result));

/* The same session under another token, from now on of its user's present auth_version; the former token is void. */
int session_renew(struct db_conn *c, int64_t id, bool passed_2fa, char token[OPAQUE_SIZE])
    __attribute__((warn_unused_result));
/* It goes on under the present auth_version. */
int session_keep(struct db_conn *c, int64_t id) __attribute__((warn_unused_result));

int session_end(struct db_conn *c, int64_t id) __attribute__((warn_unused_result));
/* Every other session of the user; keep_id 0: all of them. */
int session_end_others(struct db_conn *c, int64_t user_id, int64_t keep_id) __attribute__((warn_unused_result));
/* Rows of anybody that idleness or age has ended. */
int session_sweep(struct db_conn *c, const struct session_limits *limits, int64_t now_us)
    __attribute__((warn_unused_result));

#endif
