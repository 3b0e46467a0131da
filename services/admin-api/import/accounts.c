/* Users of 0.1.0: password hashes as they are (Django's verify here), TOTP devices and backup tokens. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/import/import.h"
#include "services/admin-api/import/statements.h"
#include "services/admin-api/security/backup_codes.h"
#include "services/admin-api/security/password.h"
#include "services/admin-api/security/seal.h"
#include "services/admin-api/security/second_factor.h"
#include "services/admin-api/security/totp.h"
#include "services/admin-api/security/users.h"

#define SECRET_MAX  40 /* bytes of a TOTP key: otp_totp_totpdevice.key is 80 hex digits at most */
#define CODES_MAX   64
#define CODE_LENGTH 17

enum {
    OLD_ID,
    OLD_NAME,
    OLD_EMAIL,
    OLD_FIRST,
    OLD_LAST,
    OLD_ACTIVE,
    OLD_STAFF,
    OLD_SUPER,
    OLD_JOINED,
    OLD_LOGIN,
    OLD_HASH
};

struct account {
    struct import *import;
    const struct db_rows *row;
    unsigned char secret[SECRET_MAX];
    size_t secret_len; /* 0: no second factor */
    int64_t last_step;
    char codes[CODES_MAX][CODE_LENGTH];
    size_t code_count;
    int64_t created; /* 0: there was one of that name */
    struct import_difference differs;
    bool shut; /* nobody can log in here with what is kept of his password */
};

/* Django's mark of an account that has no password, there or here. */
#define NO_PASSWORD '!'
#define OWN_HASH    '$'

static bool is_shut(const char *encoded)
{
    return encoded[0] != NO_PASSWORD && !password_is_verifiable(encoded);
}

/* Each time anew: as long as it is so. */
static void tell_password(struct import *i, const struct account *a, const char *name)
{
    if (a->shut)
        import_failed(i, "password of %s: its kind is not verified here; it must be set anew: admin-api user passwd %s",
                      name, name);
}

/* Ours are of 30 s, 6 digits, counted from 1970, as every app makes them; -EINVAL: this one is not. */
static int read_totp(const struct db_rows *r, void *arg)
{
    struct account *a = arg;
    const char *end, *hex = db_text(r, 0);

    if (db_int(r, 1) != TOTP_PERIOD || db_int(r, 2) != 0 || db_int(r, 3) != TOTP_DIGITS)
        return -EINVAL;
    if (sodium_hex2bin(a->secret, SECRET_MAX, hex, strlen(hex), NULL, &a->secret_len, &end) != 0 || *end != '\0')
        return -EINVAL;
    a->last_step = db_int(r, 4);
    return 0;
}

static int read_codes(struct import *i, int64_t old_id, struct account *a)
{
    struct db_rows *rows = NULL;
    int more, err = db_query(i->beside, &rows, import_statement(OLD_CODES), old_id);

    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1 && a->code_count < CODES_MAX)
        snprintf(a->codes[a->code_count++], CODE_LENGTH, "%s", db_text(rows, 0));
    db_rows_free(rows);
    return more < 0 ? more : 0;
}

static int add_second_factor(struct db_conn *c, struct account *a)
{
    const struct keyring *keys = a->import->admin->keys;
    int err = second_factor_set(keys, c, a->created, a->secret, a->secret_len);

    if (err == 0 && a->last_step > 0) {
        int64_t n = db_exec(c, import_statement(USER_TOTP_STEP), a->last_step, a->created);
        err = n < 0 ? (int)n : 0;
    }
    for (size_t n = 0; n < a->code_count && err == 0; ++n) {
        err = backup_codes_add(keys, c, a->created, a->codes[n]);
        err = err == -EINVAL ? 0 : err; /* no form of ours: nobody could type it here */
    }
    return err;
}

static int read_id(const struct db_rows *r, void *arg)
{
    *(int64_t *)arg = db_int(r, 0);
    return 0;
}

static int add(struct db_conn *c, void *arg)
{
    struct account *a = arg;
    const struct db_rows *r = a->row;
    int64_t joined = import_time(db_text(r, OLD_JOINED)), login = import_time(db_text(r, OLD_LOGIN));

    a->created = 0;
    int found = db_one(c, read_id, &a->created, import_statement(USER_ADD), db_text(r, OLD_NAME), db_text(r, OLD_EMAIL),
                       db_text(r, OLD_FIRST), db_text(r, OLD_LAST), db_int(r, OLD_ACTIVE), db_int(r, OLD_STAFF),
                       db_int(r, OLD_SUPER), joined, login == 0 ? NULL : &login, db_text(r, OLD_HASH));
    if (found < 1)
        return found;
    return a->secret_len > 0 ? add_second_factor(c, a) : 0;
}

static int read_here(const struct db_rows *r, void *arg)
{
    struct account *a = arg;
    const char *hash = db_text(r, 1);

    a->created = db_int(r, 0);
    a->shut = is_shut(hash);
    import_compare(&a->differs, "is_active", db_int(a->row, OLD_ACTIVE), db_int(r, 2));
    import_compare(&a->differs, "is_superuser", db_int(a->row, OLD_SUPER), db_int(r, 3));
    if (hash[0] != OWN_HASH && strcmp(db_text(a->row, OLD_HASH), hash) != 0) /* made by a login here, it says nothing */
        import_note(&a->differs, "another password");
    return 0;
}

/* A user of that name: 1 ours from an earlier run, as the moment of joining tells; 0 none; -EEXIST somebody else. */
static int look_up(struct import *i, struct account *a)
{
    struct account here = {.row = a->row, .shut = is_shut(db_text(a->row, OLD_HASH))};
    int found = IMPORT_FIND(i, read_here, &here, import_statement(USER_FIND), db_text(a->row, OLD_NAME));

    a->shut = here.shut;
    a->differs = here.differs;
    return found == 1 && here.created != import_time(db_text(a->row, OLD_JOINED)) ? -EEXIST : found;
}

static int take(struct import *i, struct account *a, int totp)
{
    const char *name = db_text(a->row, OLD_NAME);
    char why[256];

    if (user_check_name(name, why, sizeof(why)) < 0) {
        import_failed(i, "user %s: %s", name, why);
        return 0;
    }
    int known = look_up(i, a);
    if (known == -EEXIST)
        import_failed(
            i, "user %s: there is another user of this name here, who gets the tickets; rename one of the two", name);
    if (known == 1) {
        import_known(i);
        snprintf(why, sizeof(why), "user %s", name);
        import_differs(i, why, &a->differs);
        tell_password(i, a, name);
    }
    if (known != 0)
        return known < 0 && known != -EEXIST ? known : 0;
    int err = i->dry_run ? 0 : db_transaction(i->ours, add, a);
    if (err < 0)
        return err;
    if (i->dry_run || a->created > 0)
        import_taken(i);
    else
        import_known(i); /* made a moment ago, by somebody else */
    tell_password(i, a, name);
    if (totp == -EINVAL && (i->dry_run || a->created > 0))
        import_failed(i, "second factor of %s: its kind is not known here; the user must set up a new one", name);
    return 0;
}

static int each(struct import *i, const struct db_rows *row)
{
    struct account a = {.import = i, .row = row};
    int totp = db_one(i->beside, read_totp, &a, import_statement(OLD_TOTP), db_int(row, OLD_ID));
    int err = totp < 0 && totp != -EINVAL ? totp : 0;

    if (totp == -EINVAL)
        a.secret_len = 0;
    if (err == 0 && a.secret_len > 0)
        err = read_codes(i, db_int(row, OLD_ID), &a);
    if (err == 0)
        err = take(i, &a, totp);
    sodium_memzero(a.secret, sizeof(a.secret));
    sodium_memzero(a.codes, sizeof(a.codes));
    return err;
}

int import_users(struct import *i)
{
    return import_each(i, import_statement(OLD_USERS), each);
}
