/* Access levels; see access.h. What is not allowed by a row is denied. */
#include "services/admin-api/http/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/accounts/throttle.h"
#include "services/admin-api/http/answer.h"
#include "services/admin-api/http/cookie.h"
#include "services/admin-api/http/forgery.h"
#include "services/admin-api/http/host.h"
#include "services/admin-api/http/pages.h"
#include "services/admin-api/http/trail.h"
#include "services/admin-api/metrics.h"
#include "services/admin-api/security/access_token.h"
#include "shared/http/percent.h"
#include "shared/loop/server.h"

/* What each level asks. An access token needs one of the scopes named; none named: it may not at all. */
static const struct {
    bool needs_2fa;     /* always, not only with REQUIRE_2FA=all */
    bool is_way_to_2fa; /* not even then */
    bool needs_superuser;
    unsigned reading, writing;
} levels[ACCESS_LEVELS] = {
    [ACCESS_USER] = {.reading = SCOPE_READ | SCOPE_TICKETS, .writing = SCOPE_TICKETS},
    [ACCESS_2FA] = {.needs_2fa = true},
    [ACCESS_SUPERUSER] = {.needs_2fa = true, .needs_superuser = true},
    [ACCESS_DOWNLOAD] = {.needs_2fa = true, .reading = SCOPE_DOWNLOAD, .writing = SCOPE_DOWNLOAD},
    [ACCESS_ACCOUNT] = {.needs_2fa = false},
    [ACCESS_ENROLMENT] = {.is_way_to_2fa = true},
};

static bool reads_only(const struct exchange *x)
{
    return x->method == METHOD_GET || x->method == METHOD_HEAD || x->method == METHOD_OPTIONS;
}

static int identify(struct exchange *x)
{
    struct identity_credentials given = {.authorization = NULL};
    const struct session_limits limits = cookie_session_limits(x);
    const struct span *header = exchange_header(x, "authorization");
    struct span cookie = cookie_find(x, COOKIE_SESSION);
    struct db_conn *db;

    if (header == NULL && cookie.len == 0)
        return 0; /* anonymous: no need of the database */
    if (header != NULL) {
        given.authorization = header->data;
        given.authorization_len = header->len;
    } else {
        given.session = cookie.data;
        given.session_len = cookie.len;
    }
    int err = exchange_db(x, &db);
    if (err == 0)
        err = identity_find(x->admin->keys, db, &given, &limits, x->now_us, &x->who);
    if (err < 0 || (x->who.status != IDENTITY_BAD_TOKEN && x->who.status != IDENTITY_WRONG_TYPE))
        return err;
    ADMIN_COUNT(TOKENS_REFUSED);
    return throttle_is_news(x->admin->throttle, "token", x->client) ? trail_add(x, db, "token", NULL, AUDIT_DENIED) : 0;
}

/* Somebody known wanted more than they may. */
static int note_denied(struct exchange *x)
{
    char object[160];
    struct db_conn *c;
    int err = exchange_db(x, &c);

    ADMIN_COUNT(ACCESS_DENIED);
    snprintf(object, sizeof(object), "%s %s", server_method(x->call), x->route == NULL ? "" : x->route->path);
    return err < 0 ? err : trail_add(x, c, "request", object, AUDIT_DENIED);
}

/* To the login page and back: what a browser can follow. */
static int send_to_login(struct exchange *x)
{
    char *next = percent_encoded(server_target(x->call), PERCENT_UNRESERVED "/"), *location = NULL;

    if (next == NULL || asprintf(&location, "/account/login/?next=%s", next) < 0) {
        free(next);
        return -ENOMEM;
    }
    free(next);
    int err = answer_location(x, 302, location);
    free(location);
    return err;
}

static int refuse_stranger(struct exchange *x, enum access access)
{
    const struct span *accept = exchange_header(x, "accept");

    switch (x->who.status) {
    case IDENTITY_BAD_HEADER:
        return answer_error(x, API_BAD_HEADER, NULL);
    case IDENTITY_BAD_TOKEN:
        return answer_bad_bearer(x, "Token is invalid or expired");
    case IDENTITY_WRONG_TYPE:
        return answer_bad_bearer(x, "Token has wrong type");
    default:
        if (access == ACCESS_DOWNLOAD && accept != NULL && accepts_by_name(accept->data, "text/html"))
            return send_to_login(x);
        return answer_error(x, API_NOT_AUTHENTICATED, NULL);
    }
}

/* What a known caller may. 1; 0: refused and answered; negative. */
static int check_level(struct exchange *x, enum access access)
{
    unsigned scopes = reads_only(x) ? levels[access].reading : levels[access].writing;
    bool needs_2fa =
        levels[access].needs_2fa || (x->admin->config->require_2fa == REQUIRE_2FA_ALL && !levels[access].is_way_to_2fa);

    if (access == ACCESS_NONE || (levels[access].needs_superuser && !x->who.is_superuser))
        return answer_error(x, API_FORBIDDEN, NULL);
    if (x->who.source == IDENTITY_BY_ACCESS_TOKEN && (x->who.scopes & scopes) == 0)
        return answer_error(x, API_NEEDS_SCOPE, NULL);
    if (needs_2fa && !x->who.passed_2fa)
        return access == ACCESS_DOWNLOAD ? page_refuse(x, API_NEEDS_2FA) : answer_error(x, API_NEEDS_2FA, NULL);
    return 1;
}

int access_check(struct exchange *x, enum access access)
{
    if (access == ACCESS_PUBLIC)
        return 1;
    int err = identify(x);
    if (err < 0)
        return err;
    if (x->who.status != IDENTITY_KNOWN)
        return refuse_stranger(x, access);
    err = x->who.source == IDENTITY_BY_SESSION && !reads_only(x) ? forgery_check(x) : 1;
    if (err == 1)
        err = check_level(x, access);
    return err == 0 ? note_denied(x) : err;
}
