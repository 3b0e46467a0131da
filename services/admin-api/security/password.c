/*
 * Hashing and verifying of passwords. It stores nothing, and no password or hash leaves it but to the caller.
 */
#include "services/admin-api/security/password.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PBKDF2_ROUNDS_MAX 5000000 /* two to three seconds */
#define PBKDF2_SALT_MAX   128
#define DIGEST_SIZE       32
#define DIGEST_TEXT       44 /* its base64 */

_Static_assert(PASSWORD_ENCODED_SIZE >= crypto_pwhash_STRBYTES, "room for libsodium's string");

/* `decoy` is of no user: 16 bytes of salt and a hash that no password is known for, as costly as those of users. */
static struct {
    size_t memory;
    unsigned passes;
    char decoy[PASSWORD_ENCODED_SIZE];
} cost;

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

void password_setup(size_t memory, unsigned passes)
{
    cost.memory = memory;
    cost.passes = passes;
    snprintf(cost.decoy, sizeof(cost.decoy),
             "$argon2id$v=19$m=%zu,t=%u,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
             memory / 1024, passes);
}

/* Without a setup (tests): the defaults. */
static void set_up_once(void)
{
    if (cost.passes == 0)
        password_setup((size_t)19 << 20, 2);
}

int password_hash(const char *password, char out[PASSWORD_ENCODED_SIZE])
{
    size_t len = strlen(password);
    int failed;

    if (len > PASSWORD_LENGTH_MAX)
        return -EINVAL;
    if (sodium_init() < 0)
        return -ENOMEM;
    pthread_mutex_lock(&one_at_a_time);
    set_up_once();
    failed = crypto_pwhash_argon2id_str(out, password, len, cost.passes, cost.memory);
    pthread_mutex_unlock(&one_at_a_time);
    return failed ? -ENOMEM : 0;
}

static int verify_argon2id(const char *encoded, const char *password)
{
    int stale = crypto_pwhash_argon2id_str_needs_rehash(encoded, cost.passes, cost.memory);
    int failed;

    if (stale < 0)
        return PASSWORD_WRONG;
    errno = 0;
    failed = crypto_pwhash_argon2id_str_verify(encoded, password, strlen(password));
    if (failed)
        return errno == ENOMEM ? -ENOMEM : PASSWORD_WRONG;
    return stale ? PASSWORD_RIGHT_OLD_KIND : PASSWORD_RIGHT;
}

struct pbkdf2 {
    int rounds;
    const char *salt;
    size_t salt_len;
    unsigned char digest[DIGEST_SIZE];
};

/* pbkdf2_sha256$rounds$salt$base64 */
static int parse_pbkdf2(const char *encoded, struct pbkdf2 *out)
{
    const char *cursor = strchr(encoded, '$') + 1;
    int64_t rounds = 0;
    size_t len;

    for (; *cursor >= '0' && *cursor <= '9' && rounds <= PBKDF2_ROUNDS_MAX; cursor++)
        rounds = rounds * 10 + (*cursor - '0');
    if (*cursor != '$' || rounds < 1 || rounds > PBKDF2_ROUNDS_MAX)
        return -EINVAL;
    out->rounds = (int)rounds;
    out->salt = cursor + 1;
    out->salt_len = strcspn(out->salt, "$");
    if (out->salt_len > PBKDF2_SALT_MAX || out->salt[out->salt_len] != '$')
        return -EINVAL;
    cursor = out->salt + out->salt_len + 1;
    if (strlen(cursor) != DIGEST_TEXT ||
        sodium_base642bin(out->digest, sizeof(out->digest), cursor, DIGEST_TEXT, NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        len != DIGEST_SIZE)
        return -EINVAL;
    return 0;
}

static int verify_pbkdf2(const char *encoded, const char *password)
{
    unsigned char digest[DIGEST_SIZE];
    struct pbkdf2 wanted;

    if (parse_pbkdf2(encoded, &wanted) != 0)
        return PASSWORD_WRONG;
    if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const unsigned char *)wanted.salt, (int)wanted.salt_len,
                          wanted.rounds, EVP_sha256(), DIGEST_SIZE, digest) != 1)
        return -ENOMEM;
    return sodium_memcmp(digest, wanted.digest, DIGEST_SIZE) == 0 ? PASSWORD_RIGHT_OLD_KIND : PASSWORD_WRONG;
}

static bool is_argon2id(const char *encoded)
{
    return crypto_pwhash_argon2id_str_needs_rehash(encoded, cost.passes, cost.memory) >= 0;
}

static bool is_pbkdf2(const char *encoded)
{
    struct pbkdf2 parts;
    return parse_pbkdf2(encoded, &parts) == 0;
}

static const struct kind {
    const char *prefix;
    int (*verify)(const char *encoded, const char *password);
    bool (*is_whole)(const char *encoded);
} kinds[] = {
    {"$argon2id$", verify_argon2id, is_argon2id},
    {"pbkdf2_sha256$", verify_pbkdf2, is_pbkdf2},
};

static const struct kind *kind_of(const char *encoded)
{
    for (size_t i = 0; encoded && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(encoded, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return kinds + i;
    return NULL;
}

bool password_is_verifiable(const char *encoded)
{
    const struct kind *kind = kind_of(encoded);
    bool whole;

    if (kind == NULL || sodium_init() < 0)
        return false;
    pthread_mutex_lock(&one_at_a_time);
    set_up_once();
    whole = kind->is_whole(encoded);
    pthread_mutex_unlock(&one_at_a_time);
    return whole;
}

int password_verify(const char *encoded, const char *password)
{
    const struct kind *kind = kind_of(encoded);
    int match;

    if (sodium_init() < 0)
        return -ENOMEM;
    if (strlen(password) > PASSWORD_LENGTH_MAX) {
        password = "";
        kind = NULL;
    }
    pthread_mutex_lock(&one_at_a_time);
    set_up_once();
    match = kind ? kind->verify(encoded, password) : verify_argon2id(cost.decoy, password);
    pthread_mutex_unlock(&one_at_a_time);
    return kind || match < 0 ? match : PASSWORD_WRONG;
}
