/*
 * From name, password and one-time code to a user: the one place that decides whether a login succeeds, whatever is
 * given out for it afterwards. It counts and keeps nothing. Worker threads: it hashes, which blocks.
 */
#ifndef LC_ADMIN_SECURITY_LOGIN_H
#define LC_ADMIN_SECURITY_LOGIN_H

#include "services/admin-api/security/keyring.h"
#include "services/admin-api/security/users.h"

enum login_result {
    LOGIN_WRONG = 0,    /* no such user, wrong password, or disabled: nobody is told which */
    LOGIN_OTP_REQUIRED, /* the password is right, the user has a second factor, no code was given */
    LOGIN_OTP_WRONG,    /* … and the code is wrong or was used before */
    LOGIN_OK
};

struct login {
    struct user user; /* with LOGIN_OK */
    bool passed_2fa;  /* a code was asked for and right */
    bool upgraded;    /* the stored hash was of an older kind and is ours now */
};

/* `otp` NULL or "": none given. One of login_result, or the database's negative errno; -EKEYREJECTED: the stored secret
 * cannot be opened (SECRET_KEY was changed without SECRET_KEY_FALLBACKS). An unknown name takes as long as a known. */
int login(const struct keyring *k, struct db_conn *c, const char *name, const char *password, const char *otp,
          int64_t now_us, struct login *out) __attribute__((warn_unused_result));

#endif
