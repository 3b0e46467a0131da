/* Shared steps of the account's handlers; see errand.h. Nothing here changes an account. */
#include "services/admin-api/accounts/errand.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/security/audit.h"
#include "services/admin-api/security/password.h"
#include "services/admin-api/security/second_factor.h"
#include "shared/log/log.h"

/* Of many in a minute one line is enough, or a stranger could fill the log. */
static int note_throttled(struct exchange *x)
{
    struct db_conn *c;

    ADMIN_COUNT(LOGIN_THROTTLED);
    if (!throttle_is_news(x->admin->throttle, "throttled", x->client))
        return 0;
    log_info("login.throttled", LOG_S("client", x->client));
    int err = exchange_db(x, &c);
    return err < 0 ? err : trail_add(x, c, "login", NULL, "throttled");
}

/* 1: go on, and the try counts as failed; 0: it is too early, and answered; negative. */
static int take_try(struct exchange *x, const struct throttle_try *try)
{
    char seconds[24];
    int64_t wait_ms = throttle_take(x->admin->throttle, try);

    if (wait_ms <= 0)
        return 1;
    snprintf(seconds, sizeof(seconds), "%lld", (long long)(wait_ms + 999) / 1000);
    int err = note_throttled(x);
    if (err == 0)
        err = answer_header(x, "Retry-After", seconds);
    return err < 0 ? err : answer_error(x, API_THROTTLED, seconds);
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

/* A right password without a code is no failure: it asks for the code. What failed here is nobody's guess either. */
static int try_login(struct exchange *x, const struct form_text *fields, struct login *out)
{
    const struct throttle_try try = {.account = fields[0].text, .address = x->client};
    struct db_conn *c;
    int result = take_try(x, &try);

    if (result < 1)
        return result;
    result = exchange_db(x, &c);
    if (result == 0)
        result = login(x->admin->keys, c, fields[0].text, fields[1].text, fields[2].text, x->now_us, out);
    if (result < 0 || result == LOGIN_OK || result == LOGIN_OTP_REQUIRED)
        throttle_give(x->admin->throttle, &try, result == LOGIN_OK);
    int err = result < 0 ? result : record_login(x, c, out, result);
    if (err < 0)
        return err;
    return result == LOGIN_OK ? 1 : answer_error(x, results[result].answer, NULL);
}

int errand_login(struct exchange *x, struct login *out)
{
    struct form_text fields[] = {
        {.name = "username"}, {.name = "password"}, {.name = "otp", .optional = true, .is_code = true}};
    json_t *body;
    int err = form_read(x, fields, 3, &body);

    if (err < 1)
        return err;
    err = try_login(x, fields, out);
    json_decref(body);
    return err;
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
    int err = trail_add(e->x, e->db, action, e->user.username, outcome);
    if (err == 0)
        err = errors == NULL ? -ENOMEM : field_error(errors, field, message);
    if (err == 0)
        return answer_fields(e->x, errors);
    json_decref(errors);
    return err;
}

static const char wrong_code[] = "This one-time password is wrong or was used before: wait for the next one.";

/* The proofs of a session that exists are guessed at no faster than a login. */
static int check(struct errand *e, const struct form_text *field, const char *action,
                 int (*is_right)(struct errand *e, const char *text), const char *outcome, const char *message)
{
    const struct throttle_try try = {.account = e->user.username, .address = e->x->client};
    int right = take_try(e->x, &try);

    if (right < 1)
        return right;
    right = is_right(e, field->text);
    if (right != 0)
        throttle_give(e->x->admin->throttle, &try, false);
    return right != 0 ? right : refuse(e, action, outcome, field->name, message);
}

static int is_password(struct errand *e, const char *text)
{
    int match = password_verify(e->user.password, text);
    return match < 0 ? match : match != PASSWORD_WRONG;
}

int errand_check_password(struct errand *e, const struct form_text *password, const char *action)
{
    return check(e, password, action, is_password, "wrong", "This password is wrong.");
}

static int is_code(struct errand *e, const char *text)
{
    return second_factor_check(e->x->admin->keys, e->db, &e->user, text, e->x->now_us);
}

int errand_check_code(struct errand *e, const struct form_text *code, const char *action)
{
    if (!e->user.has_totp)
        return answer_error(e->x, API_TOTP_MISSING, NULL);
    return check(e, code, action, is_code, "otp_wrong", wrong_code);
}

int errand_refuse_code(struct errand *e, const struct form_text *code, const char *action)
{
    return refuse(e, action, "otp_wrong", code->name, wrong_code);
}
