/*
 * Rows of users. Each call is one statement (user_reset_2fa: run it in a transaction); errors are the database's.
 * A change of password, status or second factor raises auth_version, which ends every token given out before.
 * Used by whoever owns the connection.
 */
#ifndef LC_ADMIN_SECURITY_USERS_H
#define LC_ADMIN_SECURITY_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/db/db.h"

#define USER_NAME_CHARACTERS 150
#define USER_NAME_SIZE       601 /* bytes: four to a character, and NUL */
#define USER_PASSWORD_SIZE   256
#define USER_TOTP_SIZE       128

struct user {
    int64_t id;
    char username[USER_NAME_SIZE];
    char password[USER_PASSWORD_SIZE]; /* encoded */
    bool is_active, is_staff, is_superuser;
    int64_t auth_version;
    unsigned char totp_sealed[USER_TOTP_SIZE];
    size_t totp_sealed_len;          /* 0: none */
    bool has_totp;                   /* confirmed */
    int64_t time_create, last_login; /* microseconds since 1970; last_login 0: never */
};

/* 1, 0: no such user, or negative. -EMSGSIZE: a column holds more than we ever write. */
int user_by_name(struct db_conn *c, const char *name, struct user *out) __attribute__((warn_unused_result));
int user_by_id(struct db_conn *c, int64_t id, struct user *out) __attribute__((warn_unused_result));
/* Every user by name; stops at the first non-zero answer of on_user and returns it. */
int user_each(struct db_conn *c, int (*on_user)(const struct user *u, void *arg), void *arg)
    __attribute__((warn_unused_result));

/* Letters of any script, digits and @.+-_, at most 150 characters: 0, or -EINVAL with a sentence in `why`. */
int user_check_name(const char *name, char *why, size_t why_size) __attribute__((warn_unused_result));

struct user_names { /* what people know a user by */
    char username[USER_NAME_SIZE], email[1024], first_name[USER_NAME_SIZE], last_name[USER_NAME_SIZE];
};
/* 1, 0: no such user, or negative. */
int user_names_of(struct db_conn *c, const char *name, struct user_names *out) __attribute__((warn_unused_result));

/* "" or something@somewhere without spaces: 0, or -EINVAL with a sentence in `why`. */
int user_check_email(const char *email, char *why, size_t why_size) __attribute__((warn_unused_result));

/* The new id, or negative; -EEXIST: the name is taken. `encoded` from password_hash. */
int64_t user_create(struct db_conn *c, const char *name, const char *encoded, bool is_superuser, int64_t now_us)
    __attribute__((warn_unused_result));
int user_set_password(struct db_conn *c, int64_t id, const char *encoded) __attribute__((warn_unused_result));
/* After a login with a hash of an older kind; does nothing if the password is no longer `former`. */
int user_upgrade_password(struct db_conn *c, int64_t id, const char *former, const char *encoded)
    __attribute__((warn_unused_result));
int user_set_active(struct db_conn *c, int64_t id, bool is_active) __attribute__((warn_unused_result));
int user_logged_in(struct db_conn *c, int64_t id, int64_t now_us) __attribute__((warn_unused_result));
int user_set_totp(struct db_conn *c, int64_t id, const void *sealed, size_t len) __attribute__((warn_unused_result));
/* Every session and token given out before is void; a change of password, status or second factor does it by itself. */
int user_end_all(struct db_conn *c, int64_t id) __attribute__((warn_unused_result));
/* Secret, step and backup codes go. */
int user_reset_2fa(struct db_conn *c, int64_t id) __attribute__((warn_unused_result));

#endif
