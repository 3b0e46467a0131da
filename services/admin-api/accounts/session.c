/* Sessions over HTTP: begin with a login, show, end; a user's own as a list. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/accounts/account.h"
#include "services/admin-api/accounts/errand.h"
#include "services/admin-api/http/access.h"
#include "services/admin-api/http/cookie.h"
#include "services/admin-api/http/forgery.h"
#include "services/admin-api/http/handlers.h"
#include "services/admin-api/metrics.h"
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/schema/tables.h"
#include "services/admin-api/security/csrf.h"

/* --- this session --- */

static int answer_session(struct exchange *x)
{
    char csrf[CSRF_SIZE] = "";
    struct db_conn *c;
    json_t *user = NULL;
    bool in_session = x->who.source == IDENTITY_BY_SESSION;
    int err = exchange_db(x, &c);

    if (err == 0)
        err = account_json(x, c, &user);
    if (err == 0)
        return answer_error(x, API_NOT_AUTHENTICATED, NULL);
    if (err == 1)
        err = in_session ? csrf_make(x->admin->keys, x->who.session.hash, csrf) : 0;
    if (err == 0 && in_session)
        err = cookie_set(x, COOKIE_CSRF, csrf);
    if (err == 0)
        err = answer_header(x, "Cache-Control", "no-store");
    if (err < 0) {
        json_decref(user);
        return err;
    }
    bool must_enrol = x->admin->config->require_2fa == REQUIRE_2FA_ALL && !x->who.has_totp;
    return answer_json(x, 200,
                       json_pack("{s:o,s:b,s:b,s:s?}", "user", user, "passed_2fa", (int)x->who.passed_2fa,
                                 "enrolment_required", (int)must_enrol, "csrf_token", in_session ? csrf : NULL));
}

int auth_session_get(struct exchange *x)
{
    char nothing[OPAQUE_SIZE];
    int err = access_check(x, ACCESS_ENROLMENT);

    if (err == 1)
        return answer_session(x);
    if (err < 0)
        return err;
    opaque_make(nothing);
    return cookie_set(x, COOKIE_CSRF, nothing);
}

struct begin {
    struct exchange *x;
    const struct login *login;
    char agent[SESSION_AGENT_SIZE];
    char token[OPAQUE_SIZE];
};

/* A new row at every login: whatever token the browser came with is worth nothing afterwards. */
static int begin(struct db_conn *c, void *arg)
{
    struct begin *b = arg;
    const struct session_limits limits = cookie_session_limits(b->x);
    const struct session_start start = {.user_id = b->login->user.id,
                                        .auth_version = b->login->user.auth_version,
                                        .passed_2fa = b->login->passed_2fa,
                                        .address = b->x->client,
                                        .user_agent = b->agent};
    const struct span former = cookie_find(b->x, COOKIE_SESSION);
    struct session old;
    int found = former.len == 0 ? 0 : session_find(c, former.data, former.len, &limits, b->x->now_us, &old);
    int err = found == 1 ? session_end(c, old.id) : found;

    return err < 0 ? err : session_begin(c, &start, &limits, b->x->now_us, b->token);
}

/* Printable ASCII as it is, the rest as '?': it is for people to recognise their browser by. */
static void copy_agent(const struct exchange *x, char out[SESSION_AGENT_SIZE])
{
    const struct span *agent = exchange_header(x, "user-agent");
    size_t len = agent == NULL ? 0 : agent->len;

    len = len < SESSION_AGENT_SIZE ? len : SESSION_AGENT_SIZE - 1;
    for (size_t i = 0; i < len; ++i)
        out[i] = (char)(agent->data[i] >= ' ' && agent->data[i] < 0x7f ? agent->data[i] : '?');
    out[len] = '\0';
}

static void become(struct exchange *x, const struct login *l)
{
    x->who = (struct identity){.status = IDENTITY_KNOWN,
                               .source = IDENTITY_BY_SESSION,
                               .user_id = l->user.id,
                               .is_staff = l->user.is_staff,
                               .is_superuser = l->user.is_superuser,
                               .has_totp = l->user.has_totp,
                               .passed_2fa = l->passed_2fa};
    snprintf(x->who.username, sizeof(x->who.username), "%s", l->user.username);
}

int auth_session_begin(struct exchange *x)
{
    struct login l;
    struct begin b = {.x = x, .login = &l};
    struct db_conn *c;
    int err = forgery_check_origin(x);

    if (err == 1)
        err = errand_login(x, &l);
    if (err < 1)
        return err;
    copy_agent(x, b.agent);
    err = exchange_db(x, &c);
    if (err == 0)
        err = db_transaction(c, begin, &b);
    if (err < 0)
        return err;
    ADMIN_COUNT(SESSIONS_BEGUN);
    become(x, &l);
    err = cookie_set(x, COOKIE_SESSION, b.token);
    opaque_hash(b.token, strlen(b.token), x->who.session.hash);
    sodium_memzero(b.token, sizeof(b.token));
    return err < 0 ? err : answer_session(x);
}

int auth_session_end(struct exchange *x)
{
    struct db_conn *c;
    int err = exchange_db(x, &c);

    if (err == 0 && x->who.source == IDENTITY_BY_SESSION)
        err = session_end(c, x->who.session.id);
    if (err == 0)
        err = trail_add(x, c, "logout", x->who.username, AUDIT_OK);
    if (err == 0)
        err = cookie_set(x, COOKIE_SESSION, "");
    if (err == 0)
        err = cookie_set(x, COOKIE_CSRF, "");
    return err < 0 ? err : answer_empty(x, 204);
}

/* --- one's own sessions --- */

static json_t *show_current(const struct exchange *x, const struct db_rows *row, int column)
{
    return json_boolean(x->who.source == IDENTITY_BY_SESSION && db_int(row, column) == x->who.session.id);
}

static const struct field fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "s.id", .doc = "Made by the service."},
    {.name = "address", .type = FIELD_TEXT, .select = "s.address", .doc = "Where it was begun from."},
    {.name = "user_agent", .type = FIELD_TEXT, .select = "s.user_agent", .doc = "The browser, as it calls itself."},
    {.name = "time_create", .type = FIELD_TIME, .rules = RULE_SORTABLE, .select = "s.time_create", .doc = "Begun at."},
    {.name = "last_seen",
     .type = FIELD_TIME,
     .rules = RULE_SORTABLE,
     .select = "s.last_seen",
     .doc = "The last request, to the minute."},
    {.name = "current",
     .type = FIELD_MADE,
     .select = "s.id",
     .show = show_current,
     .shape = "boolean",
     .doc = "This very session."},
};

/* What has ended by itself is not shown. */
static int before_read(struct exchange *x, struct db_conn *c, int64_t id)
{
    const struct session_limits limits = cookie_session_limits(x);
    (void)id;
    return session_sweep(c, &limits, x->now_us);
}

static const struct resource sessions = {
    .label = "session",
    .table = "sessions",
    .from = "sessions s",
    .id = "s.id",
    .key = "s.id",
    .key_is_number = true,
    .owner = "s.user_id",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .order = {.expression = "s.last_seen", .descending = true},
    .before_read = before_read,
};

const struct resource *resource_account_sessions(void)
{
    return &sessions;
}

int account_sessions_end(struct exchange *x)
{
    return resource_delete(x, &sessions);
}

int account_sessions_end_others(struct exchange *x)
{
    struct db_conn *c;
    int err = exchange_db(x, &c);

    if (err == 0)
        err = session_end_others(c, x->who.user_id, x->who.session.id);
    if (err == 0)
        err = trail_add(x, c, "session.end_others", x->who.username, AUDIT_OK);
    return err < 0 ? err : answer_empty(x, 204);
}
