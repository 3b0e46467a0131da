/*
 * TOTP and backup codes against a user's row. It decides about the code alone; what a login then may is elsewhere.
 */
#include "services/admin-api/security/second_factor.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "services/admin-api/security/backup_codes.h"
#include "services/admin-api/security/seal.h"
#include "services/admin-api/security/statements.h"
#include "services/admin-api/security/totp.h"

/* Without spaces, as people read it off a phone; false: too long to be a TOTP code. */
static bool strip_spaces(const char *code, char out[TOTP_DIGITS + 1])
{
    size_t len = 0;

    for (; *code; code++) {
        if (*code == ' ')
            continue;
        if (len == TOTP_DIGITS)
            return false;
        out[len++] = *code;
    }
    out[len] = '\0';
    return len == TOTP_DIGITS;
}

/* Under the current key what a former one sealed, so that the former one can be dropped one day. */
static int reseal(const struct keyring *k, struct db_conn *c, const struct user *u, const void *secret, size_t len)
{
    void *sealed = NULL;
    size_t sealed_len = 0;
    int64_t done = seal(k, KEY_TOTP, secret, len, &sealed, &sealed_len);

    if (done == 0)
        done = db_exec(c, security_statement(USER_RESEAL_TOTP), (const void *)sealed, sealed_len, u->id,
                       (const void *)u->totp_sealed, u->totp_sealed_len);
    free(sealed);
    return done < 0 ? (int)done : 0;
}

static int check_totp(const struct keyring *k, struct db_conn *c, const struct user *u, const char *code,
                      int64_t now_us)
{
    void *secret = NULL;
    size_t len = 0;
    int stale = 0;
    int64_t step;
    int64_t taken = 0;
    int err = seal_open(k, KEY_TOTP, u->totp_sealed, u->totp_sealed_len, &secret, &len, &stale);

    if (err)
        return err == -EBADMSG ? -EKEYREJECTED : err;
    step = totp_match(secret, len, code, now_us / 1000000);
    if (step >= 0)
        taken = db_exec(c, security_statement(USER_TAKE_TOTP_STEP), step, u->id);
    if (taken > 0 && stale)
        err = reseal(k, c, u, secret, len);
    sodium_memzero(secret, len);
    free(secret);
    if (err || taken < 0)
        return err ? err : (int)taken;
    return taken > 0;
}

int second_factor_check(const struct keyring *k, struct db_conn *c, const struct user *u, const char *code,
                        int64_t now_us)
{
    char digits[TOTP_DIGITS + 1];

    if (!u->has_totp)
        return 0;
    if (strip_spaces(code, digits))
        return check_totp(k, c, u, digits, now_us);
    return backup_codes_spend(k, c, u->id, code, now_us);
}

int second_factor_enroll(const struct keyring *k, struct db_conn *c, int64_t user_id, const unsigned char *secret)
{
    void *sealed = NULL;
    size_t len = 0;
    int err = seal(k, KEY_TOTP, secret, TOTP_SECRET_SIZE, &sealed, &len);

    if (!err)
        err = user_set_totp(c, user_id, sealed, len);
    free(sealed);
    return err;
}
