/*
 * Reading and changing rows of users. It decides nothing about who may, and never sees a password in clear.
 */
#include "services/admin-api/security/users.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/security/statements.h"

enum column {
    COLUMN_ID,
    COLUMN_USERNAME,
    COLUMN_PASSWORD,
    COLUMN_IS_ACTIVE,
    COLUMN_IS_STAFF,
    COLUMN_IS_SUPERUSER,
    COLUMN_AUTH_VERSION,
    COLUMN_TOTP_SECRET,
    COLUMN_TOTP_CONFIRMED,
    COLUMN_TIME_CREATE,
    COLUMN_LAST_LOGIN
};

static int copy_text(const struct db_rows *r, int column, char *out, size_t size)
{
    const char *text = db_text(r, column);
    size_t len = text ? strlen(text) : 0;

    if (len >= size)
        return -EMSGSIZE;
    memcpy(out, text ? text : "", len + 1);
    return 0;
}

static int read_user(const struct db_rows *r, void *arg)
{
    struct user *u = arg;
    const void *sealed = db_blob(r, COLUMN_TOTP_SECRET, &u->totp_sealed_len);
    int err = copy_text(r, COLUMN_USERNAME, u->username, sizeof(u->username));

    if (!err)
        err = copy_text(r, COLUMN_PASSWORD, u->password, sizeof(u->password));
    if (!sealed)
        u->totp_sealed_len = 0;
    if (err || u->totp_sealed_len > sizeof(u->totp_sealed))
        return -EMSGSIZE;
    if (sealed)
        memcpy(u->totp_sealed, sealed, u->totp_sealed_len);
    u->id = db_int(r, COLUMN_ID);
    u->is_active = db_int(r, COLUMN_IS_ACTIVE) != 0;
    u->is_staff = db_int(r, COLUMN_IS_STAFF) != 0;
    u->is_superuser = db_int(r, COLUMN_IS_SUPERUSER) != 0;
    u->auth_version = db_int(r, COLUMN_AUTH_VERSION);
    u->has_totp = u->totp_sealed_len > 0 && db_int(r, COLUMN_TOTP_CONFIRMED) != 0;
    u->time_create = db_int(r, COLUMN_TIME_CREATE);
    u->last_login = db_int(r, COLUMN_LAST_LOGIN);
    return 0;
}

int user_by_name(struct db_conn *c, const char *name, struct user *out)
{
    return db_one(c, read_user, out, security_statement(USER_BY_NAME), name);
}

int user_by_id(struct db_conn *c, int64_t id, struct user *out)
{
    return db_one(c, read_user, out, security_statement(USER_BY_ID), id);
}

int user_each(struct db_conn *c, int (*on_user)(const struct user *u, void *arg), void *arg)
{
    struct db_rows *rows = NULL;
    struct user u;
    int err = db_query(c, &rows, security_statement(USER_LIST));

    while (!err && (err = db_step(rows)) == 1) {
        err = read_user(rows, &u);
        if (!err)
            err = on_user(&u, arg);
    }
    db_rows_free(rows);
    return err;
}

static int read_names(const struct db_rows *r, void *arg)
{
    struct user_names *n = arg;
    int err = copy_text(r, 0, n->username, sizeof(n->username));

    if (!err)
        err = copy_text(r, 1, n->email, sizeof(n->email));
    if (!err)
        err = copy_text(r, 2, n->first_name, sizeof(n->first_name));
    return err ? err : copy_text(r, 3, n->last_name, sizeof(n->last_name));
}

int user_names_of(struct db_conn *c, const char *name, struct user_names *out)
{
    return db_one(c, read_names, out, security_statement(USER_NAMES), name);
}

int user_check_name(const char *name, char *why, size_t why_size)
{
    static const char marks[] = "@.+-_";
    size_t characters = 0;
    bool is_clean = true;

    for (const char *p = name; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;

        characters += (c & 0xc0) != 0x80;
        is_clean = is_clean && (is_word || strchr(marks, c));
    }
    if (is_clean && characters > 0 && characters <= USER_NAME_CHARACTERS)
        return 0;
    snprintf(why, why_size, "Enter a valid username. It has 1 to %d letters, digits and @/./+/-/_ characters.",
             USER_NAME_CHARACTERS);
    return -EINVAL;
}

int user_check_email(const char *email, char *why, size_t why_size)
{
    const char *at = strchr(email, '@');
    bool is_one = at && at > email && at[1] != '\0' && !strchr(at + 1, '@');

    for (const char *p = email; *p; p++)
        is_one = is_one && (unsigned char)*p > ' ' && *p != 0x7f && !strchr("<>\",;:\\", *p);
    if (is_one || *email == '\0')
        return 0;
    snprintf(why, why_size, "Enter a valid email address.");
    return -EINVAL;
}

static int read_id(const struct db_rows *r, void *arg)
{
    *(int64_t *)arg = db_int(r, 0);
    return 0;
}

int64_t user_create(struct db_conn *c, const char *name, const char *encoded, bool is_superuser, int64_t now_us)
{
    int64_t id = 0;
    int found = db_one(c, read_id, &id, security_statement(USER_CREATE), name, encoded, (int64_t)is_superuser, now_us);

    if (found < 0)
        return found;
    return found == 1 ? id : -EIO;
}

/* A statement that changes one row by its id. */
static int changed(int64_t rows)
{
    return rows < 0 ? (int)rows : 0;
}

int user_end_all(struct db_conn *c, int64_t id)
{
    return changed(db_exec(c, security_statement(USER_END_ALL), id));
}

int user_set_password(struct db_conn *c, int64_t id, const char *encoded)
{
    return changed(db_exec(c, security_statement(USER_SET_PASSWORD), encoded, id));
}

int user_upgrade_password(struct db_conn *c, int64_t id, const char *former, const char *encoded)
{
    return changed(db_exec(c, security_statement(USER_UPGRADE_PASSWORD), encoded, id, former));
}

int user_set_active(struct db_conn *c, int64_t id, bool is_active)
{
    return changed(db_exec(c, security_statement(USER_SET_ACTIVE), (int64_t)is_active, id));
}

int user_logged_in(struct db_conn *c, int64_t id, int64_t now_us)
{
    return changed(db_exec(c, security_statement(USER_LOGGED_IN), now_us, id));
}

int user_set_totp(struct db_conn *c, int64_t id, const void *sealed, size_t len)
{
    return changed(db_exec(c, security_statement(USER_SET_TOTP), sealed, len, id));
}

int user_reset_2fa(struct db_conn *c, int64_t id)
{
    int err = changed(db_exec(c, security_statement(USER_CLEAR_TOTP), id));

    return err ? err : changed(db_exec(c, security_statement(BACKUP_CODES_CLEAR), id));
}
