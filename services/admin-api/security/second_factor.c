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

/* The step of a code of the user's secret, confirmed or not; -ENOENT: of none. *secret is the caller's to wipe. */
static int64_t match_step(const struct keyring *k, const struct user *u, const char *code, int64_t now_us,
                          void **secret, size_t *len, int *stale)
{
    int err = seal_open(k, KEY_TOTP, u->totp_sealed, u->totp_sealed_len, secret, len, stale);

    if (err)
        return err == -EBADMSG ? -EKEYREJECTED : err;
    int64_t step = totp_match(*secret, *len, code, now_us / 1000000);
    return step < 0 ? -ENOENT : step;
}

static void wipe(void *secret, size_t len)
{
    if (secret)
        sodium_memzero(secret, len);
    free(secret);
}

static int check_totp(const struct keyring *k, struct db_conn *c, const struct user *u, const char *code,
                      int64_t now_us)
{
    void *secret = NULL;
    size_t len = 0;
    int stale = 0, err = 0;
    int64_t taken = 0;
    int64_t step = match_step(k, u, code, now_us, &secret, &len, &stale);

    if (step >= 0)
        taken = db_exec(c, security_statement(USER_TAKE_TOTP_STEP), step, u->id);
    if (taken > 0 && stale)
        err = reseal(k, c, u, secret, len);
    wipe(secret, len);
    if (step < 0)
        return step == -ENOENT ? 0 : (int)step;
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

int second_factor_set(const struct keyring *k, struct db_conn *c, int64_t user_id, const unsigned char *secret,
                      size_t secret_len)
{
    void *sealed = NULL;
    size_t len = 0;
    int err = seal(k, KEY_TOTP, secret, secret_len, &sealed, &len);

    if (!err)
        err = user_set_totp(c, user_id, sealed, len);
    free(sealed);
    return err;
}

int second_factor_enroll(const struct keyring *k, struct db_conn *c, int64_t user_id, const unsigned char *secret)
{
    return second_factor_set(k, c, user_id, secret, TOTP_SECRET_SIZE);
}

int second_factor_offer(const struct keyring *k, struct db_conn *c, int64_t user_id, const unsigned char *secret)
{
    void *sealed = NULL;
    size_t len = 0;
    int64_t done = seal(k, KEY_TOTP, secret, TOTP_SECRET_SIZE, &sealed, &len);

    if (done == 0)
        done = db_exec(c, security_statement(USER_OFFER_TOTP), (const void *)sealed, len, user_id);
    free(sealed);
    return done < 0 ? (int)done : done > 0;
}

int second_factor_confirm(const struct keyring *k, struct db_conn *c, const struct user *u, const char *code,
                          int64_t now_us)
{
    char digits[TOTP_DIGITS + 1];
    void *secret = NULL;
    size_t len = 0;
    int64_t done;

    if (u->has_totp || u->totp_sealed_len == 0 || !strip_spaces(code, digits))
        return 0;
    int64_t step = match_step(k, u, digits, now_us, &secret, &len, NULL);
    wipe(secret, len);
    if (step >= 0)
        done = db_exec(c, security_statement(USER_CONFIRM_TOTP), step, u->id, (const void *)u->totp_sealed,
                       u->totp_sealed_len);
    else
        done = step;
    if (done < 0)
        return done == -ENOENT ? 0 : (int)done;
    return done > 0;
}
