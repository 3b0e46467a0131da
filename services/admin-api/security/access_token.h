/*
 * Personal access tokens, for scripts: named, with scopes and an optional end, shown once and kept as a hash. One ends
 * with its user's password, status or second factor, as sessions do. Errors are the database's. Used by whoever owns
 * the connection.
 */
#ifndef LC_ADMIN_SECURITY_ACCESS_TOKEN_H
#define LC_ADMIN_SECURITY_ACCESS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/admin-api/security/opaque.h"
#include "shared/db/db.h"

#define ACCESS_TOKEN_PREFIX "lcp_" /* so that a lost one is known for what it is */
#define ACCESS_TOKEN_SIZE   (sizeof(ACCESS_TOKEN_PREFIX) - 1 + OPAQUE_SIZE)

/* What a token may do: SCOPE(id, name, bit). The bits stand in the database. */
#define ACCESS_SCOPES(SCOPE)                                                                                           \
    SCOPE(READ, "read", 1)       /* look at tickets, archives, platforms */                                            \
    SCOPE(TICKETS, "tickets", 2) /* … and change them */                                                             \
    SCOPE(DOWNLOAD, "download", 4)

enum access_scope {
#define ACCESS_SCOPE_ID(id, name, bit) SCOPE_##id = (bit),
    ACCESS_SCOPES(ACCESS_SCOPE_ID)
#undef ACCESS_SCOPE_ID
};

bool access_token_is_one(const char *text, size_t len); /* by its prefix */
void access_token_make(char token[ACCESS_TOKEN_SIZE], char hash[OPAQUE_HASH_SIZE]);

/* 1 with the user and the scopes, 0: none such, or it has ended. Notes now and then that it is in use. */
int access_token_find(struct db_conn *c, const char *token, size_t len, int64_t now_us, int64_t *user_id,
                      unsigned *scopes) __attribute__((warn_unused_result));

#define ACCESS_TOKENS_MAX 100 /* of one user */
/* How many the user has, those that a change of the user has ended being removed; or negative. */
int64_t access_tokens_count(struct db_conn *c, int64_t user_id) __attribute__((warn_unused_result));
int access_tokens_end(struct db_conn *c, int64_t user_id) __attribute__((warn_unused_result)); /* all of the user's */

#endif
