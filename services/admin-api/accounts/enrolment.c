/* The second factor of one's own account: offered, confirmed, removed; backup codes. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/accounts/errand.h"
#include "services/admin-api/accounts/qr.h"
#include "services/admin-api/http/cookie.h"
#include "services/admin-api/http/handlers.h"
#include "services/admin-api/security/backup_codes.h"
#include "services/admin-api/security/csrf.h"
#include "services/admin-api/security/second_factor.h"
#include "services/admin-api/security/totp.h"
#include "shared/log/log.h"

/* --- an offer --- */

static int answer_offer(struct errand *e, const unsigned char secret[TOTP_SECRET_SIZE])
{
    char text[TOTP_TEXT_SIZE];
    char *uri = totp_uri(TOTP_ISSUER, e->user.username, secret), *svg = uri == NULL ? NULL : qr_svg(uri);
    int err = svg == NULL ? -ENOMEM : answer_header(e->x, "Cache-Control", "no-store");

    totp_text(secret, text);
    if (err == 0)
        err = answer_json(e->x, 200, json_pack("{s:s,s:s,s:s}", "secret", text, "otpauth_uri", uri, "qr_svg", svg));
    sodium_memzero(text, sizeof(text));
    free(uri);
    free(svg);
    return err;
}

static int offer(struct errand *e, const struct form_text *password)
{
    unsigned char secret[TOTP_SECRET_SIZE];
    int done = errand_check_password(e, password, "totp.offer");

    if (done < 1)
        return done;
    totp_make_secret(secret);
    done = second_factor_offer(e->x->admin->keys, e->db, e->user.id, secret);
    if (done == 1)
        done = answer_offer(e, secret);
    else if (done == 0)
        done = answer_error(e->x, API_TOTP_EXISTS, NULL);
    sodium_memzero(secret, sizeof(secret));
    return done;
}

int account_totp_offer(struct exchange *x)
{
    struct form_text password = {.name = "password"};
    struct errand e;
    int err = errand_begin(&e, x, &password, 1);

    return err < 1 ? err : errand_end(&e, offer(&e, &password));
}

/* --- changes, each one transaction --- */

struct change {
    struct errand *errand;
    const char *code;
    bool accepted;
    char token[OPAQUE_SIZE]; /* the session's new one; "" if there is none */
    char codes[BACKUP_CODE_COUNT][BACKUP_CODE_SIZE];
};

static int answer_codes(struct exchange *x, const struct change *h)
{
    json_t *codes = json_array();
    int err = codes == NULL ? -ENOMEM : answer_header(x, "Cache-Control", "no-store");

    for (size_t i = 0; err == 0 && i < BACKUP_CODE_COUNT; ++i)
        err = json_array_append_new(codes, json_string(h->codes[i])) < 0 ? -ENOMEM : 0;
    if (err == 0)
        return answer_json(x, 200, json_pack("{s:o}", "backup_codes", codes));
    json_decref(codes);
    return err;
}

/* The session that did it goes on under a new token; every other one, and every JWT, has ended with the version. */
static int carry_session_over(struct exchange *x, struct db_conn *c, bool passed_2fa, char token[OPAQUE_SIZE])
{
    if (x->who.source != IDENTITY_BY_SESSION)
        return 0;
    return session_renew(c, x->who.session.id, passed_2fa, token);
}

static int send_cookies(struct exchange *x, const char *token)
{
    char hash[OPAQUE_HASH_SIZE], csrf[CSRF_SIZE];

    if (token[0] == '\0')
        return 0;
    opaque_hash(token, strlen(token), hash);
    int err = csrf_make(x->admin->keys, hash, csrf);
    if (err == 0)
        err = cookie_set(x, COOKIE_SESSION, token);
    return err < 0 ? err : cookie_set(x, COOKIE_CSRF, csrf);
}

static int confirm(struct db_conn *c, void *arg)
{
    struct change *h = arg;
    struct errand *e = h->errand;
    const struct keyring *keys = e->x->admin->keys;
    int done = second_factor_confirm(keys, c, &e->user, h->code, e->x->now_us);

    h->accepted = done == 1;
    if (done < 1)
        return done;
    int err = backup_codes_renew(keys, c, e->user.id, h->codes);
    if (err == 0)
        err = carry_session_over(e->x, c, true, h->token);
    return err < 0 ? err : trail_add(e->x, c, "totp.confirm", e->user.username, AUDIT_OK);
}

static int run_confirm(struct errand *e, const struct form_text *otp)
{
    struct change h = {.errand = e, .code = otp->text};
    int err;

    if (e->user.has_totp)
        return answer_error(e->x, API_TOTP_EXISTS, NULL);
    if (e->user.totp_sealed_len == 0)
        return answer_error(e->x, API_TOTP_MISSING, NULL);
    err = db_transaction(e->db, confirm, &h);
    if (err == 0 && !h.accepted)
        return errand_refuse_code(e, otp, "totp.confirm");
    if (err == 0)
        err = send_cookies(e->x, h.token);
    if (err == 0) {
        log_info("totp.confirmed", LOG_S("user", e->user.username), LOG_S("client", e->x->client));
        err = answer_codes(e->x, &h);
    }
    sodium_memzero(&h, sizeof(h));
    return err;
}

int account_totp_confirm(struct exchange *x)
{
    struct form_text otp = {.name = "otp", .is_code = true};
    struct errand e;
    int err = errand_begin(&e, x, &otp, 1);

    return err < 1 ? err : errand_end(&e, run_confirm(&e, &otp));
}

static int remove_factor(struct db_conn *c, void *arg)
{
    struct change *h = arg;
    struct exchange *x = h->errand->x;
    int err = user_reset_2fa(c, h->errand->user.id);

    if (err == 0)
        err = carry_session_over(x, c, false, h->token);
    return err < 0 ? err : trail_add(x, c, "totp.remove", h->errand->user.username, AUDIT_OK);
}

static int run_remove(struct errand *e, const struct form_text *password, const struct form_text *otp)
{
    struct change h = {.errand = e};
    int err = errand_check_password(e, password, "totp.remove");

    if (err == 1)
        err = errand_check_code(e, otp, "totp.remove");
    if (err < 1)
        return err;
    err = db_transaction(e->db, remove_factor, &h);
    if (err == 0)
        err = send_cookies(e->x, h.token);
    sodium_memzero(&h, sizeof(h));
    if (err < 0)
        return err;
    log_info("totp.removed", LOG_S("user", e->user.username), LOG_S("client", e->x->client));
    return answer_empty(e->x, 204);
}

int account_totp_remove(struct exchange *x)
{
    struct form_text fields[] = {{.name = "password"}, {.name = "otp", .is_code = true}};
    struct errand e;
    int err = errand_begin(&e, x, fields, 2);

    return err < 1 ? err : errand_end(&e, run_remove(&e, &fields[0], &fields[1]));
}

static int renew_codes(struct db_conn *c, void *arg)
{
    struct change *h = arg;
    struct errand *e = h->errand;
    int err = backup_codes_renew(e->x->admin->keys, c, e->user.id, h->codes);

    return err < 0 ? err : trail_add(e->x, c, "backup_codes.renew", e->user.username, AUDIT_OK);
}

static int run_renew(struct errand *e, const struct form_text *otp)
{
    struct change h = {.errand = e};
    int err = errand_check_code(e, otp, "backup_codes.renew");

    if (err < 1)
        return err;
    err = db_transaction(e->db, renew_codes, &h);
    if (err == 0)
        err = answer_codes(e->x, &h);
    sodium_memzero(&h, sizeof(h));
    return err;
}

int account_backup_codes(struct exchange *x)
{
    struct form_text otp = {.name = "otp", .is_code = true};
    struct errand e;
    int err = errand_begin(&e, x, &otp, 1);

    return err < 1 ? err : errand_end(&e, run_renew(&e, &otp));
}
