/*
 * The second factor at a login: a TOTP code or a backup code, each accepted once, also when two requests race.
 * Used by whoever owns the connection.
 */
#ifndef LC_ADMIN_SECURITY_SECOND_FACTOR_H
#define LC_ADMIN_SECURITY_SECOND_FACTOR_H

#include "services/admin-api/security/keyring.h"
#include "services/admin-api/security/users.h"

/* 1 accepted, 0 wrong or used before, the database's negative errno; -EKEYREJECTED: the stored secret cannot be opened
 * (SECRET_KEY was changed without SECRET_KEY_FALLBACKS). Spaces in the code do not matter. */
int second_factor_check(const struct keyring *k, struct db_conn *c, const struct user *u, const char *code,
                        int64_t now_us) __attribute__((warn_unused_result));

/* Gives the user a new confirmed TOTP secret (sealed), in the caller's transaction. `secret`: what the app is told. */
int second_factor_enroll(const struct keyring *k, struct db_conn *c, int64_t user_id, const unsigned char *secret)
    __attribute__((warn_unused_result));

/* An unconfirmed secret, over the one offered before. 1; 0: the user has a confirmed one already; or negative. */
int second_factor_offer(const struct keyring *k, struct db_conn *c, int64_t user_id, const unsigned char *secret)
    __attribute__((warn_unused_result));
/* Is it a code of the secret offered? Then that is confirmed (and auth_version raised), in the caller's transaction: 1;
 * 0: wrong, or nothing is offered; or negative as second_factor_check. */
int second_factor_confirm(const struct keyring *k, struct db_conn *c, const struct user *u, const char *code,
                          int64_t now_us) __attribute__((warn_unused_result));

/* The same with a secret of another length, at most 80 bytes: one that another server made. */
int second_factor_set(const struct keyring *k, struct db_conn *c, int64_t user_id, const unsigned char *secret,
                      size_t secret_len) __attribute__((warn_unused_result));

#endif
