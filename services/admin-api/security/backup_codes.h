/*
 * Backup codes: ten for the day the phone is lost, each good once. Ten characters of Crockford's base32 (50 bits),
 * shown as xxxxx-xxxxx, kept as HMAC-SHA256 under a key from SECRET_KEY, bound to their user. Any thread.
 */
#ifndef LC_ADMIN_SECURITY_BACKUP_CODES_H
#define LC_ADMIN_SECURITY_BACKUP_CODES_H

#include <stdint.h>

#include "services/admin-api/security/keyring.h"
#include "shared/db/db.h"

#define BACKUP_CODE_COUNT 10
#define BACKUP_CODE_SIZE  12 /* as shown, with NUL */

/* New codes for the user, in the caller's transaction; the former ones are gone. 0 or the database's error. */
int backup_codes_renew(const struct keyring *k, struct db_conn *c, int64_t user_id,
                       char out[BACKUP_CODE_COUNT][BACKUP_CODE_SIZE]) __attribute__((warn_unused_result));

/* A further code for the user, made elsewhere: 8 to 16 letters and digits. 0, -EINVAL or the database's error. */
int backup_codes_add(const struct keyring *k, struct db_conn *c, int64_t user_id, const char *text)
    __attribute__((warn_unused_result));

/* Spends the code: 1, or 0 if it is unknown or was used, or the database's error. Spaces, dashes and case do not
 * matter; o reads as 0, i and l as 1. `now_us`: microseconds since 1970. */
int backup_codes_spend(const struct keyring *k, struct db_conn *c, int64_t user_id, const char *text, int64_t now_us)
    __attribute__((warn_unused_result));

#endif
