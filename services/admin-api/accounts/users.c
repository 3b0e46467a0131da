/*
 * Accounts as superusers manage them. Nobody can lock themselves out here, so there is always a superuser left. A new
 * password or a disabled account ends everything that was given out to its user; tickets stay in every case.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/accounts/account.h"
#include "services/admin-api/http/handlers.h"
#include "services/admin-api/http/trail.h"
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/resources/row.h"
#include "services/admin-api/schema/tables.h"
#include "services/admin-api/security/access_token.h"
#include "services/admin-api/security/password.h"
#include "services/admin-api/security/password_rules.h"
#include "services/admin-api/security/users.h"
#include "shared/log/log.h"

static const struct field fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "u.id", .doc = "Made by the service."},
    {.name = "username",
     .type = FIELD_TEXT,
     .rules = RULE_REQUIRED | RULE_UNIQUE | RULE_SORTABLE,
     .select = "u.username",
     .column = "username",
     .max = USER_NAME_CHARACTERS,
     .doc = "What one logs in with: letters, digits and @.+-_"},
    PERSON_FIELDS(RULE_SORTABLE),
    {.name = "is_active",
     .type = FIELD_BOOLEAN,
     .rules = RULE_SORTABLE,
     .select = "u.is_active",
     .column = "is_active",
     .doc = "May log in."},
    {.name = "is_staff", .type = FIELD_BOOLEAN, .select = "u.is_staff", .column = "is_staff", .doc = "Works here."},
    {.name = "is_superuser",
     .type = FIELD_BOOLEAN,
     .rules = RULE_SORTABLE,
     .select = "u.is_superuser",
     .column = "is_superuser",
     .doc = "Manages users and sees the audit log."},
    {.name = "has_totp", .type = FIELD_BOOLEAN, .select = "u.totp_confirmed", .doc = "A second factor is set up."},
    {.name = "time_create", .type = FIELD_TIME, .rules = RULE_SORTABLE, .select = "u.time_create", .doc = "Made at."},
    {.name = "last_login",
     .type = FIELD_TIME,
     .rules = RULE_NULLABLE,
     .select = "u.last_login",
     .doc = "The last login; null: never."},
    {.name = "password", .type = FIELD_GIVEN, .shape = "password", .doc = "Required for a new account; never shown."},
};

static const struct filter filters[] = {
    {.name = "is_active", .type = FILTER_BOOLEAN, .expression = "u.is_active"},
    {.name = "is_superuser", .type = FILTER_BOOLEAN, .expression = "u.is_superuser"},
    {.name = "username", .type = FILTER_TEXT, .expression = "u.username"},
    {.name = "search",
     .type = FILTER_SEARCH,
     .expression = "(u.username || ' ' || u.email || ' ' || u.first_name || ' ' || u.last_name)"},
};

/* --- what is checked behind decoding --- */

static bool is_self(const struct exchange *x)
{
    return x->method != METHOD_POST && strcmp(x->params[0], x->who.username) == 0;
}

static bool takes_away(const struct write *w, const char *field)
{
    const struct input *in = write_input(w, field);
    return in->given && in->valid && in->value.integer == 0;
}

static int check_self(struct write *w)
{
    int err = 0;

    if (!is_self(w->x))
        return 0;
    if (takes_away(w, "is_active"))
        err = field_error(w->decode_errors, "is_active", "You cannot disable your own account.");
    if (err == 0 && takes_away(w, "is_superuser"))
        err = field_error(w->decode_errors, "is_superuser", "You cannot give up your own rights.");
    if (err == 0 && write_input(w, "password")->given)
        err = field_error(w->decode_errors, "password", "Change your own password at /api/v1/account/password/.");
    return err;
}

static const char *text_input(const struct write *w, const char *field, const char *otherwise)
{
    const struct input *in = write_input(w, field);
    return in->given && in->valid ? in->owned : otherwise;
}

/* The account as it will be, for the password to be unlike. */
static int check_password(struct write *w, struct db_conn *c, const char *password)
{
    struct user_names names = {.username = ""};
    char why[256];
    int err = w->x->method == METHOD_POST ? 0 : user_names_of(c, w->x->params[0], &names);

    if (err < 0)
        return err;
    const char *const unlike[] = {text_input(w, "username", names.username), text_input(w, "email", names.email),
                                  text_input(w, "first_name", names.first_name),
                                  text_input(w, "last_name", names.last_name), NULL};
    return password_check(password, unlike, why, sizeof(why)) == 0 ? 0 : field_error(w->decode_errors, "password", why);
}

static int validate(struct write *w, struct db_conn *c)
{
    const struct input *name = write_input(w, "username");
    const json_t *password = json_object_get(w->body, "password");
    char why[160];
    int err = check_self(w);

    if (err == 0 && name->given && name->valid && user_check_name(name->owned, why, sizeof(why)) < 0)
        err = field_error(w->decode_errors, "username", why);
    if (err == 0)
        err = account_check_email(w);
    if (err < 0)
        return err;
    if (password == NULL)
        return w->x->method != METHOD_POST ? 0 : field_error(w->decode_errors, "password", "This field is required.");
    if (!json_is_string(password))
        return field_error(w->decode_errors, "password", "Not a valid string.");
    return check_password(w, c, json_string_value(password));
}

/* --- writing --- */

struct change {
    char password[PASSWORD_ENCODED_SIZE]; /* "": stays as it is */
    bool was_active, was_superuser;
};

static void forget(struct write *w, struct db_conn *c)
{
    (void)c;
    if (w->data != NULL)
        sodium_memzero(w->data, sizeof(struct change));
    free(w->data);
    w->data = NULL;
}

/* Hashed before the transaction, which would hold the others up. */
static int before_transaction(struct write *w, struct db_conn *c)
{
    const char *password = json_string_value(json_object_get(w->body, "password"));
    struct change *h = calloc(1, sizeof(*h));

    w->data = h;
    int err = h == NULL ? -ENOMEM : password == NULL ? 0 : password_hash(password, h->password);
    if (err < 0)
        forget(w, c);
    return err < 0 ? err : 1;
}

/* What an account has before it is written; a new one begins as an active one without rights. */
static int read_rights(struct write *w, struct db_conn *c)
{
    struct change *h = w->data;
    struct user user = {.is_active = true};
    int found = w->id == 0 ? 1 : user_by_id(c, w->id, &user);

    h->was_active = user.is_active;
    h->was_superuser = user.is_superuser;
    return found < 0 ? found : 0;
}

static int before_write(struct write *w, struct db_conn *c)
{
    const struct change *h = w->data;

    if (h == NULL) /* there are errors: nothing will be written */
        return 0;
    int err = read_rights(w, c);
    if (err == 0 && w->id == 0)
        err = write_set_int(w, "time_create", w->x->now_us);
    return err < 0 || h->password[0] == '\0' ? err : write_set_text(w, "password", h->password);
}

static int end_everything(struct db_conn *c, int64_t id)
{
    int err = user_end_all(c, id);

    if (err == 0)
        err = session_end_others(c, id, 0);
    return err < 0 ? err : access_tokens_end(c, id);
}

static bool gives(const struct write *w, const char *field)
{
    return write_input(w, field)->given && !takes_away(w, field);
}

/* Beside "user.update", what everybody will look for. */
static int note_rights(const struct write *w, struct db_conn *c)
{
    const char *name = w->x->method == METHOD_POST ? text_input(w, "username", "") : w->x->params[0];
    const struct change *h = w->data;
    const struct {
        bool is_so;
        const char *action;
    } rows[] = {
        {h->password[0] != '\0' && w->x->method != METHOD_POST, "user.password"},
        {h->was_active && takes_away(w, "is_active"), "user.disable"},
        {h->was_superuser && takes_away(w, "is_superuser"), "user.superuser_off"},
        {!h->was_superuser && gives(w, "is_superuser"), "user.superuser_on"},
    };
    int err = 0;

    for (size_t i = 0; err == 0 && i < sizeof(rows) / sizeof(rows[0]); ++i)
        if (rows[i].is_so)
            err = trail_add(w->x, c, rows[i].action, name, AUDIT_OK);
    return err;
}

static int after_write(struct write *w, struct db_conn *c)
{
    const struct change *h = w->data;
    int err = h->password[0] != '\0' || takes_away(w, "is_active") ? end_everything(c, w->id) : 0;
    return err < 0 ? err : note_rights(w, c);
}

static const struct resource users = {
    .label = "user",
    .table = "users",
    .from = "users u",
    .id = "u.id",
    .key = "u.username",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .filters = filters,
    .filter_count = sizeof(filters) / sizeof(filters[0]),
    .validate = validate,
    .before_transaction = before_transaction,
    .before_write = before_write,
    .after_write = after_write,
    .committed = forget,
    .failed = forget,
};

const struct resource *resource_users(void)
{
    return &users;
}

static int refuse_self(struct exchange *x, const char *message)
{
    json_t *errors = json_object();

    if (errors != NULL && field_error(errors, "non_field_errors", message) == 0)
        return answer_fields(x, errors);
    json_decref(errors);
    return -ENOMEM;
}

int users_delete(struct exchange *x)
{
    return is_self(x) ? refuse_self(x, "You cannot delete your own account.") : resource_delete(x, &users);
}

/* --- another's second factor --- */

struct reset {
    struct exchange *x;
    bool found;
};

static int reset(struct db_conn *c, void *arg)
{
    struct reset *r = arg;
    int64_t id;
    int err = row_find(r->x, &users, c, &id);

    r->found = err == 1;
    if (err < 1)
        return err;
    err = user_reset_2fa(c, id);
    if (err == 0)
        err = end_everything(c, id);
    return err < 0 ? err : trail_add(r->x, c, "user.reset_2fa", r->x->params[0], AUDIT_OK);
}

int users_reset_2fa(struct exchange *x)
{
    struct reset r = {.x = x};
    struct db_conn *c;
    int err;

    if (strcmp(x->params[0], x->who.username) == 0)
        return refuse_self(x, "Remove your own second factor at /api/v1/account/totp/.");
    err = exchange_db(x, &c);
    if (err == 0)
        err = db_transaction(c, reset, &r);
    if (err < 0)
        return err;
    if (!r.found)
        return answer_error(x, API_NOT_FOUND, NULL);
    log_info("user.reset_2fa", LOG_S("user", x->params[0]), LOG_S("by", x->who.username), LOG_S("client", x->client));
    return answer_empty(x, 204);
}
