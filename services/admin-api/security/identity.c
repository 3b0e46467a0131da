/*
 * From credentials to a user. Nothing is remembered between requests: the row decides each time.
 */
#include "services/admin-api/security/identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/security/access_token.h"
#include "services/admin-api/security/jwt.h"
#include "services/admin-api/security/users.h"

_Static_assert(IDENTITY_NAME_SIZE >= USER_NAME_SIZE, "every username fits");

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

struct bearer {
    const char *token;
    size_t len;
};

/* Words between spaces: the first is the scheme (case-sensitive, so old clients see no difference). Another scheme
 * counts as no credentials; not exactly one word after ours is malformed. */
static enum identity_status split_header(const char *text, size_t len, struct bearer *out)
{
    static const char scheme[] = "Bearer";
    size_t words = 0;
    size_t at = 0;
    bool is_ours = false;

    while (at < len) {
        size_t start = at;

        while (at < len && !is_space(text[at]))
            at++;
        if (at > start && ++words == 1)
            is_ours = at - start == strlen(scheme) && memcmp(text + start, scheme, at - start) == 0;
        else if (at > start)
            *out = (struct bearer){text + start, at - start};
        at += at < len;
    }
    if (!is_ours)
        return IDENTITY_ANONYMOUS;
    return words == 2 ? IDENTITY_KNOWN : IDENTITY_BAD_HEADER;
}

/* The row as it is now. `ver` 0: whatever its version. */
static int take_user(struct db_conn *c, int64_t id, int64_t ver, struct identity *out)
{
    struct user u;
    int found = user_by_id(c, id, &u);

    if (found < 0)
        return found;
    if (found == 0 || !u.is_active || (ver != 0 && u.auth_version != ver)) {
        out->status = IDENTITY_BAD_TOKEN;
        return 0;
    }
    out->status = IDENTITY_KNOWN;
    out->user_id = u.id;
    out->is_staff = u.is_staff;
    out->is_superuser = u.is_superuser;
    out->has_totp = u.has_totp;
    snprintf(out->username, sizeof(out->username), "%s", u.username);
    return 0;
}

static int by_jwt(const struct keyring *keys, struct db_conn *c, const struct bearer *bearer, int64_t now,
                  struct identity *out)
{
    struct jwt_claims claims;
    int err = jwt_open(keys, bearer->token, bearer->len, now, &claims);

    if (err == -ENOMEM)
        return err;
    out->status = err ? IDENTITY_BAD_TOKEN : IDENTITY_WRONG_TYPE;
    if (err || claims.type != JWT_ACCESS)
        return 0;
    out->source = IDENTITY_BY_BEARER;
    out->passed_2fa = claims.mfa;
    return take_user(c, claims.user_id, claims.ver, out);
}

/* Making one needed the second factor, so it counts as passed. */
static int by_access_token(struct db_conn *c, const struct bearer *bearer, int64_t now_us, struct identity *out)
{
    int64_t user_id = 0;
    int found = access_token_find(c, bearer->token, bearer->len, now_us, &user_id, &out->scopes);

    out->status = IDENTITY_BAD_TOKEN;
    if (found < 1)
        return found;
    out->source = IDENTITY_BY_ACCESS_TOKEN;
    out->passed_2fa = true;
    return take_user(c, user_id, 0, out);
}

/* A session that has ended leaves its cookie behind: that is nobody, not somebody with a bad token. */
static int by_session(struct db_conn *c, const struct identity_credentials *given, const struct session_limits *limits,
                      int64_t now_us, struct identity *out)
{
    int found = session_find(c, given->session, given->session_len, limits, now_us, &out->session);

    if (found < 1)
        return found;
    out->source = IDENTITY_BY_SESSION;
    out->passed_2fa = out->session.passed_2fa;
    int err = take_user(c, out->session.user_id, 0, out);
    if (out->status != IDENTITY_KNOWN)
        out->status = IDENTITY_ANONYMOUS;
    return err;
}

int identity_find(const struct keyring *keys, struct db_conn *c, const struct identity_credentials *given,
                  const struct session_limits *limits, int64_t now_us, struct identity *out)
{
    struct bearer bearer = {NULL, 0};

    memset(out, 0, sizeof(*out));
    if (!given->authorization)
        return given->session ? by_session(c, given, limits, now_us, out) : 0;
    out->status = split_header(given->authorization, given->authorization_len, &bearer);
    if (out->status != IDENTITY_KNOWN)
        return 0;
    if (access_token_is_one(bearer.token, bearer.len))
        return by_access_token(c, &bearer, now_us, out);
    return by_jwt(keys, c, &bearer, now_us / 1000000, out);
}
