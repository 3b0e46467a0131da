/* Access levels; see access.h. What is not allowed by a row is denied. */
#include "services/admin-api/http/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/http/answer.h"
#include "services/admin-api/http/host.h"
#include "shared/loop/server.h"

static int identify(struct exchange *x)
{
    struct identity_credentials given = {NULL, 0};
    const struct span *header = exchange_header(x, "authorization");
    struct db_conn *db;

    if (header == NULL)
        return 0; /* anonymous: no need of the database */
    given.authorization = header->data;
    given.authorization_len = header->len;
    int err = exchange_db(x, &db);
    return err < 0 ? err : identity_find(x->admin->keys, db, &given, x->now_us / 1000000, &x->who);
}

/* To the login page and back: what a browser can follow. */
static int send_to_login(struct exchange *x)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    static const char prefix[] = "/account/login/?next=";
    const char *target = server_target(x->call);
    char *location = malloc(sizeof(prefix) + 3 * strlen(target));
    char *at = location;

    if (location == NULL)
        return -ENOMEM;
    memcpy(at, prefix, sizeof(prefix) - 1);
    at += sizeof(prefix) - 1;
    for (; *target != '\0'; ++target) {
        unsigned char c = (unsigned char)*target;
        if (strchr(plain, c) != NULL) {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = hex[c >> 4];
            *at++ = hex[c & 15];
        }
    }
    *at = '\0';
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

int access_check(struct exchange *x, enum access access)
{
    if (access == ACCESS_PUBLIC)
        return 1;
    int err = identify(x);
    if (err < 0)
        return err;
    if (x->who.status != IDENTITY_KNOWN)
        return refuse_stranger(x, access);
    bool needs_2fa = access != ACCESS_USER || x->admin->config->require_2fa == REQUIRE_2FA_ALL;
    if (access == ACCESS_NONE || (access == ACCESS_SUPERUSER && !x->who.is_superuser))
        return answer_error(x, API_FORBIDDEN, NULL);
    if (needs_2fa && !x->who.passed_2fa)
        return answer_error(x, API_NEEDS_2FA, NULL);
    return 1;
}
