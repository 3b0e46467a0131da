/* Shared steps of the account's handlers; see errand.h. Nothing here changes an account. */
#include "services/admin-api/accounts/errand.h"

#include <errno.h>
#include <string.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/security/audit.h"
#include "services/admin-api/security/password.h"
#include "services/admin-api/security/second_factor.h"
#include "shared/log/log.h"

int errand_audit(struct exchange *x, struct db_conn *c, const char *action, const char *object, const char *outcome)
{
    const struct audit_event event = {
        .actor = x->who.username, .action = action, .object = object, .address = x->client, .outcome = outcome};
    return audit_write(c, &event, x->now_us);
}

/* --- logging in --- */

/* What each result of a login counts as, logs and answers; LOGIN_OK has its own answer. */
static const struct {
    enum admin_metric metric;
    const char *outcome;
    enum api_error answer;
} results[] = {
    [LOGIN_WRONG] = {ADMIN_METRIC_LOGIN_WRONG, "wrong", API_NO_ACCOUNT},
    [LOGIN_OTP_REQUIRED] = {ADMIN_METRIC_LOGIN_OTP_REQUIRED, "otp_required", API_OTP_REQUIRED},
    [LOGIN_OTP_WRONG] = {ADMIN_METRIC_LOGIN_OTP_WRONG, "otp_wrong", API_OTP_WRONG},
    [LOGIN_OK] = {ADMIN_METRIC_LOGIN_OK, AUDIT_OK, API_OK},
};

/* Of a name that is nobody's not even the name is kept: people type passwords there. */
static int record_login(struct exchange *x, struct db_conn *c, const struct login *l, int result)
{
    const char *name = l->user.id == 0 ? NULL : l->user.username;
    const struct audit_event event = {
        .actor = name, .action = "login", .object = name, .address = x->client, .outcome = results[result].outcome};

    metric_add(&admin_metrics[results[result].metric], 1);
    if (l->upgraded)
        ADMIN_COUNT(PASSWORDS_UPGRADED);
    log_info("login", LOG_S("outcome", results[result].outcome), LOG_S("client", x->client), LOG_S("user", name));
    return audit_write(c, &event, x->now_us);
}

int errand_login(struct exchange *x, struct login *out)
{
    struct form_text fields[] = {
        {.name = "username"}, {.name = "password"}, {.name = "otp", .optional = true, .is_code = true}};
    struct db_conn *c;
    json_t *body;
    int result = 0, err = form_read(x, fields, 3, &body);

    if (err < 1)
        return err;
    err = exchange_db(x, &c);
    if (err == 0)
        err = result = login(x->admin->keys, c, fields[0].text, fields[1].text, fields[2].text, x->now_us, out);
    json_decref(body);
    if (err >= 0)
        err = record_login(x, c, out, result);
    if (err < 0)
        return err;
    return result == LOGIN_OK ? 1 : answer_error(x, results[result].answer, NULL);
}

/* --- errands --- */

int errand_begin(struct errand *e, struct exchange *x, struct form_text *fields, size_t count)
{
    memset(e, 0, sizeof(*e));
    e->x = x;
    int err = form_read(x, fields, count, &e->body);
    if (err < 1)
        return err;
    err = exchange_db(x, &e->db);
    if (err == 0)
        err = user_by_id(e->db, x->who.user_id, &e->user);
    if (err == 1)
        return 1;
    return errand_end(e, err < 0 ? err : answer_error(x, API_NOT_AUTHENTICATED, NULL)); /* deleted meanwhile */
}

int errand_end(struct errand *e, int result)
{
    json_decref(e->body);
    e->body = NULL;
    return result;
}

static int refuse(struct errand *e, const char *action, const char *outcome, const char *field, const char *message)
{
    json_t *errors = json_object();

    log_info("account.refused", LOG_S("action", action), LOG_S("outcome", outcome), LOG_S("client", e->x->client),
             LOG_S("user", e->user.username));
    int err = errand_audit(e->x, e->db, action, e->user.username, outcome);
    if (err == 0)
        err = errors == NULL ? -ENOMEM : field_error(errors, field, message);
    if (err == 0)
        return answer_fields(e->x, errors);
    json_decref(errors);
    return err;
}

int errand_check_password(struct errand *e, const struct form_text *password, const char *action)
{
    int match = password_verify(e->user.password, password->text);

    if (match < 0)
        return match;
    return match != PASSWORD_WRONG ? 1 : refuse(e, action, "wrong", password->name, "This password is wrong.");
}

int errand_refuse_code(struct errand *e, const struct form_text *code, const char *action)
{
    return refuse(e, action, "otp_wrong", code->name,
                  "This one-time password is wrong or was used before: wait for the next one.");
}

int errand_check_code(struct errand *e, const struct form_text *code, const char *action)
{
    if (!e->user.has_totp)
        return answer_error(e->x, API_TOTP_MISSING, NULL);
    int right = second_factor_check(e->x->admin->keys, e->db, &e->user, code->text, e->x->now_us);
    return right != 0 ? right : errand_refuse_code(e, code, action);
}
