/* JSON Web Tokens over HTTP: obtain with password and one-time code, refresh, verify. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/accounts/errand.h"
#include "services/admin-api/http/handlers.h"
#include "services/admin-api/metrics.h"
#include "services/admin-api/security/jwt.h"

static int64_t seconds(const struct exchange *x)
{
    return x->now_us / 1000000;
}

/* --- obtain --- */

static int sign(const struct exchange *x, const struct jwt_claims *who, enum jwt_type type, char **out)
{
    const struct admin_config *config = x->admin->config;
    struct jwt_claims claims = *who;
    int64_t lifetime_ms = type == JWT_ACCESS ? config->access_token_lifetime : config->refresh_token_lifetime;

    claims.type = type;
    claims.iat = seconds(x);
    claims.exp = claims.iat + (lifetime_ms + 999) / 1000;
    return jwt_sign(x->admin->keys, &claims, out);
}

static int answer_pair(struct exchange *x, const struct login *l)
{
    const struct jwt_claims who = {.user_id = l->user.id, .ver = l->user.auth_version, .mfa = l->passed_2fa};
    char *refresh = NULL, *access = NULL;
    int err = sign(x, &who, JWT_REFRESH, &refresh);

    if (err == 0)
        err = sign(x, &who, JWT_ACCESS, &access);
    if (err == 0) {
        ADMIN_COUNT(TOKENS_ISSUED);
        err = answer_json(x, 200, json_pack("{s:s,s:s}", "refresh", refresh, "access", access));
    }
    free(refresh);
    free(access);
    return err;
}

int auth_token_obtain(struct exchange *x)
{
    struct login l;
    int err = errand_login(x, &l);

    return err < 1 ? err : answer_pair(x, &l);
}

/* --- refresh and verify --- */

/* Opens the token and looks whether its user still is what it was. 1, 0: refused and answered, or negative. */
static int open_token(struct exchange *x, const char *token, struct jwt_claims *claims)
{
    struct db_conn *c;
    struct user u;
    int err = jwt_open(x->admin->keys, token, strlen(token), seconds(x), claims), found = 0;

    if (err == -ENOMEM)
        return err;
    if (err == 0) {
        err = exchange_db(x, &c);
        if (err == 0)
            found = user_by_id(c, claims->user_id, &u);
        if (err < 0 || found < 0)
            return err < 0 ? err : found;
    }
    if (found == 1 && u.is_active && u.auth_version == claims->ver)
        return 1;
    ADMIN_COUNT(TOKENS_REFUSED);
    return answer_error(x, API_TOKEN_INVALID, NULL);
}

static int with_token(struct exchange *x, const char *field, struct jwt_claims *claims)
{
    struct form_text token = {.name = field};
    json_t *body;
    int err = form_read(x, &token, 1, &body);

    if (err < 1)
        return err;
    err = open_token(x, token.text, claims);
    json_decref(body);
    return err;
}

int auth_token_refresh(struct exchange *x)
{
    struct jwt_claims claims;
    char *access = NULL;
    int err = with_token(x, "refresh", &claims);

    if (err < 1)
        return err;
    if (claims.type != JWT_REFRESH) {
        ADMIN_COUNT(TOKENS_REFUSED);
        return answer_error(x, API_TOKEN_WRONG_TYPE, NULL);
    }
    err = sign(x, &claims, JWT_ACCESS, &access);
    if (err == 0) {
        ADMIN_COUNT(TOKENS_ISSUED);
        err = answer_json(x, 200, json_pack("{s:s}", "access", access));
    }
    free(access);
    return err;
}

int auth_token_verify(struct exchange *x)
{
    struct jwt_claims claims;
    int err = with_token(x, "token", &claims);

    return err < 1 ? err : answer_json(x, 200, json_object());
}
