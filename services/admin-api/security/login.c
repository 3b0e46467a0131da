/* Password first, then the second factor: a code is never spent on a wrong password. See login.h. */
#include "services/admin-api/security/login.h"

#include <sodium.h>
#include <string.h>

#include "services/admin-api/security/password.h"
#include "services/admin-api/security/second_factor.h"

/* A hash of an older kind becomes one of ours, now that the password is known. */
static int upgrade(struct db_conn *c, struct login *l, const char *password)
{
    char encoded[PASSWORD_ENCODED_SIZE];
    int err = password_hash(password, encoded);

    if (err == 0)
        err = user_upgrade_password(c, l->user.id, l->user.password, encoded);
    sodium_memzero(encoded, sizeof(encoded));
    l->upgraded = err == 0;
    return err;
}

/* The codes are asked of those who have a second factor, and only then. */
static int check_second(const struct keyring *k, struct db_conn *c, struct login *l, const char *otp, int64_t now_us)
{
    if (!l->user.has_totp)
        return LOGIN_OK;
    if (otp == NULL || *otp == '\0')
        return LOGIN_OTP_REQUIRED;
    int right = second_factor_check(k, c, &l->user, otp, now_us);
    if (right < 0)
        return right;
    l->passed_2fa = right == 1;
    return right == 1 ? LOGIN_OK : LOGIN_OTP_WRONG;
}

int login(const struct keyring *k, struct db_conn *c, const char *name, const char *password, const char *otp,
          int64_t now_us, struct login *out)
{
    memset(out, 0, sizeof(*out));
    int found = user_by_name(c, name, &out->user);
    if (found < 0)
        return found;
    int match = password_verify(found == 1 ? out->user.password : NULL, password);
    if (match < 0)
        return match;
    if (match == PASSWORD_WRONG || !out->user.is_active)
        return LOGIN_WRONG;
    int result = check_second(k, c, out, otp, now_us);
    if (result != LOGIN_OK)
        return result;
    int err = match == PASSWORD_RIGHT_OLD_KIND ? upgrade(c, out, password) : 0;
    if (err == 0)
        err = user_logged_in(c, out->user.id, now_us);
    return err < 0 ? err : LOGIN_OK;
}
