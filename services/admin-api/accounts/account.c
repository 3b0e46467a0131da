/* Everybody's own account: profile and password. Rights are not the owner's to change. */
#include "services/admin-api/accounts/account.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#include "services/admin-api/accounts/errand.h"
#include "services/admin-api/http/handlers.h"
#include "services/admin-api/resources/row.h"
#include "services/admin-api/schema/tables.h"
#include "services/admin-api/security/access_token.h"
#include "services/admin-api/security/password.h"
#include "services/admin-api/security/password_rules.h"
#include "shared/log/log.h"

static json_t *show_passed(const struct exchange *x, const struct db_rows *row, int column)
{
    (void)row;
    (void)column;
    return json_boolean(x->who.passed_2fa);
}

static const struct field fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .select = "u.id", .doc = "Made by the service."},
    {.name = "username", .type = FIELD_TEXT, .select = "u.username", .doc = "What one logs in with."},
    PERSON_FIELDS(0),
    {.name = "is_staff", .type = FIELD_BOOLEAN, .select = "u.is_staff", .doc = "Works here."},
    {.name = "is_superuser", .type = FIELD_BOOLEAN, .select = "u.is_superuser", .doc = "Manages users."},
    {.name = "has_totp", .type = FIELD_BOOLEAN, .select = "u.totp_confirmed", .doc = "A second factor is set up."},
    {.name = "passed_2fa",
     .type = FIELD_MADE,
     .select = "1",
     .show = show_passed,
     .shape = "boolean",
     .doc = "This session or token went through it."},
    {.name = "backup_codes_left",
     .type = FIELD_INTEGER,
     .select = "(SELECT COUNT(*) FROM backup_codes b WHERE b.user_id = u.id AND b.used_at IS NULL)",
     .doc = "Backup codes not used yet."},
    {.name = "time_create", .type = FIELD_TIME, .select = "u.time_create", .doc = "Made at."},
    {.name = "last_login",
     .type = FIELD_TIME,
     .rules = RULE_NULLABLE,
     .select = "u.last_login",
     .doc = "The last login; null: never."},
};

int account_check_email(struct write *w)
{
    const struct input *email = write_input(w, "email");
    char why[64];

    if (!email->given || !email->valid || user_check_email(email->owned, why, sizeof(why)) == 0)
        return 0;
    return field_error(w->decode_errors, "email", why);
}

static int validate(struct write *w, struct db_conn *c)
{
    (void)c;
    return account_check_email(w);
}

static const struct resource account = {
    .label = "account",
    .table = "users",
    .from = "users u",
    .id = "u.id",
    .key = "u.id",
    .key_is_number = true,
    .owner = "u.id",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .validate = validate,
};

const struct resource *resource_account(void)
{
    return &account;
}

int account_json(struct exchange *x, struct db_conn *c, json_t **out)
{
    return row_load(x, &account, c, x->who.user_id, out);
}

/* The path names nobody: it is always the caller's row. */
static void aim_at_caller(struct exchange *x)
{
    snprintf(x->params[0], sizeof(x->params[0]), "%" PRId64, x->who.user_id);
}

int account_get(struct exchange *x)
{
    aim_at_caller(x);
    return resource_get(x, &account);
}

int account_patch(struct exchange *x)
{
    aim_at_caller(x);
    return resource_patch(x, &account);
}

/* --- the password --- */

struct renewal {
    struct errand *errand;
    char encoded[PASSWORD_ENCODED_SIZE];
};

/* Everything given out before ends with the new auth_version; this session goes on under it. */
static int renew(struct db_conn *c, void *arg)
{
    struct renewal *r = arg;
    struct exchange *x = r->errand->x;
    int64_t id = r->errand->user.id;
    bool in_session = x->who.source == IDENTITY_BY_SESSION;
    int err = user_set_password(c, id, r->encoded);

    if (err == 0)
        err = session_end_others(c, id, in_session ? x->who.session.id : 0);
    if (err == 0 && in_session)
        err = session_keep(c, x->who.session.id);
    if (err == 0)
        err = access_tokens_end(c, id);
    return err < 0 ? err : trail_add(x, c, "password.change", r->errand->user.username, AUDIT_OK);
}

/* 1; 0: refused and answered; negative. */
static int check_rules(struct errand *e, const struct form_text *new)
{
    struct user_names names;
    char why[256];
    int err = user_names_of(e->db, e->user.username, &names);

    if (err < 1)
        return err < 0 ? err : answer_error(e->x, API_NOT_AUTHENTICATED, NULL);
    const char *const unlike[] = {names.username, names.email, names.first_name, names.last_name, NULL};
    if (password_check(new->text, unlike, why, sizeof(why)) == 0)
        return 1;
    json_t *errors = json_object();
    if (errors != NULL && field_error(errors, new->name, why) == 0)
        return answer_fields(e->x, errors);
    json_decref(errors);
    return -ENOMEM;
}

static int change_password(struct errand *e, const struct form_text *old, const struct form_text *new)
{
    struct renewal r = {.errand = e};
    int err = errand_check_password(e, old, "password.change");

    if (err == 1)
        err = check_rules(e, new);
    if (err < 1)
        return err;
    err = password_hash(new->text, r.encoded);
    if (err == 0)
        err = db_transaction(e->db, renew, &r);
    sodium_memzero(&r.encoded, sizeof(r.encoded));
    if (err < 0)
        return err;
    log_info("password.changed", LOG_S("user", e->user.username), LOG_S("client", e->x->client));
    return answer_empty(e->x, 204);
}

int account_password(struct exchange *x)
{
    struct form_text fields_of_form[] = {{.name = "old_password"}, {.name = "new_password"}};
    struct errand e;
    int err = errand_begin(&e, x, fields_of_form, 2);

    return err < 1 ? err : errand_end(&e, change_password(&e, &fields_of_form[0], &fields_of_form[1]));
}
