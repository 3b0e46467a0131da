/* Rows of access tokens. What a scope opens is the HTTP side's to say. */
#include "services/admin-api/security/access_token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/security/statements.h"

#define NOTE_EVERY_US INT64_C(60000000) /* of last_used: a write for every request would be too many */

bool access_token_is_one(const char *text, size_t len)
{
    static const char prefix[] = ACCESS_TOKEN_PREFIX;

    return len >= sizeof(prefix) - 1 && memcmp(text, prefix, sizeof(prefix) - 1) == 0;
}

void access_token_make(char token[ACCESS_TOKEN_SIZE], char hash[OPAQUE_HASH_SIZE])
{
    memcpy(token, ACCESS_TOKEN_PREFIX, sizeof(ACCESS_TOKEN_PREFIX));
    opaque_make(token + strlen(token));
    opaque_hash(token, strlen(token), hash);
}

struct found {
    int64_t id, user_id, scopes, last_used;
};

static int read_token(const struct db_rows *r, void *arg)
{
    *(struct found *)arg = (struct found){db_int(r, 0), db_int(r, 1), db_int(r, 2), db_int(r, 3)};
    return 0;
}

int access_token_find(struct db_conn *c, const char *token, size_t len, int64_t now_us, int64_t *user_id,
                      unsigned *scopes)
{
    char hash[OPAQUE_HASH_SIZE];
    struct found f;
    int found;

    if (len != ACCESS_TOKEN_SIZE - 1) /* none of ours: not worth a look */
        return 0;
    opaque_hash(token, len, hash);
    found = db_one(c, read_token, &f, security_statement(ACCESS_TOKEN_FIND), hash, now_us);
    if (found < 1)
        return found;
    *user_id = f.user_id;
    *scopes = (unsigned)f.scopes;
    if (now_us - f.last_used < NOTE_EVERY_US)
        return 1;
    int64_t noted = db_exec(c, security_statement(ACCESS_TOKEN_USED), now_us, f.id);
    return noted == -ENOTCONN ? (int)noted : 1; /* not noted otherwise is no reason to refuse, as with sessions */
}

static int read_count(const struct db_rows *r, void *arg)
{
    *(int64_t *)arg = db_int(r, 0);
    return 0;
}

int64_t access_tokens_count(struct db_conn *c, int64_t user_id)
{
    int64_t count = 0;
    int64_t done = db_exec(c, security_statement(ACCESS_TOKENS_SWEEP), user_id);

    if (done >= 0)
        done = db_one(c, read_count, &count, security_statement(ACCESS_TOKENS_COUNT), user_id);
    return done < 0 ? done : count;
}

int access_tokens_end(struct db_conn *c, int64_t user_id)
{
    int64_t ended = db_exec(c, security_statement(ACCESS_TOKENS_END), user_id);
    return ended < 0 ? (int)ended : 0;
}
