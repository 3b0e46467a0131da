/*
 * From credentials to a user. Nothing is remembered between requests: the row decides each time.
 */
#include "services/admin-api/security/identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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

/* The claims against the row as it is now. */
static int find_user(struct db_conn *c, const struct jwt_claims *claims, struct identity *out)
{
    struct user u;
    int found = user_by_id(c, claims->user_id, &u);

    if (found < 0)
        return found;
    if (found == 0 || !u.is_active || u.auth_version != claims->ver) {
        out->status = IDENTITY_BAD_TOKEN;
        return 0;
    }
    out->status = IDENTITY_KNOWN;
    out->source = IDENTITY_BY_BEARER;
    out->user_id = u.id;
    out->is_staff = u.is_staff;
    out->is_superuser = u.is_superuser;
    out->has_totp = u.has_totp;
    out->passed_2fa = claims->mfa;
    snprintf(out->username, sizeof(out->username), "%s", u.username);
    return 0;
}

int identity_find(const struct keyring *keys, struct db_conn *c, const struct identity_credentials *given, int64_t now,
                  struct identity *out)
{
    struct bearer bearer = {NULL, 0};
    struct jwt_claims claims;
    int err;

    memset(out, 0, sizeof(*out));
    if (!given->authorization)
        return 0;
    out->status = split_header(given->authorization, given->authorization_len, &bearer);
    if (out->status != IDENTITY_KNOWN)
        return 0;
    err = jwt_open(keys, bearer.token, bearer.len, now, &claims);
    if (err == -ENOMEM)
        return err;
    out->status = err ? IDENTITY_BAD_TOKEN : IDENTITY_WRONG_TYPE;
    if (err || claims.type != JWT_ACCESS)
        return 0;
    return find_user(c, &claims, out);
}
