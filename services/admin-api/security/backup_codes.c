/*
 * Backup codes in the database, as keyed hashes: whoever reads the table alone cannot try codes against it.
 */
#include "services/admin-api/security/backup_codes.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/security/statements.h"

#define CODE_LENGTH     10 /* of those made here; imported ones may be shorter or longer */
#define CODE_LENGTH_MIN 8
#define CODE_LENGTH_MAX 16
#define HASH_SIZE   65 /* hex SHA-256 and NUL */

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* As typed to as hashed: false if it cannot be a code. */
static bool canonical(const char *text, char out[CODE_LENGTH_MAX + 1])
{
    size_t len = 0;

    for (; *text; text++) {
        int c = tolower((unsigned char)*text);

        if (c == '-' || c == ' ')
            continue;
        c = c == 'o' ? '0' : c == 'i' || c == 'l' ? '1' : c;
        if (len == CODE_LENGTH_MAX || !isalnum(c) || c > 'z')
            return false;
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return len >= CODE_LENGTH_MIN;
}

static int hash_code(const unsigned char *key, int64_t user_id, const char *code, char out[HASH_SIZE])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char text[40];
    int len = snprintf(text, sizeof(text), "%lld:%s", (long long)user_id, code);

    if (!HMAC(EVP_sha256(), key, KEYRING_KEY_SIZE, (const unsigned char *)text, (size_t)len, mac, NULL))
        return -ENOMEM;
    sodium_bin2hex(out, HASH_SIZE, mac, sizeof(mac));
    sodium_memzero(text, sizeof(text));
    return 0;
}

static int add_code(const struct keyring *k, struct db_conn *c, int64_t user_id, char shown[BACKUP_CODE_SIZE])
{
    char code[CODE_LENGTH + 1] = "";
    char hash[HASH_SIZE];
    int64_t done;
    int err;

    for (size_t i = 0; i < CODE_LENGTH; i++)
        code[i] = alphabet[randombytes_uniform(sizeof(alphabet) - 1)];
    err = hash_code(keyring_key(k, 0, KEY_BACKUP_CODE), user_id, code, hash);
    if (err)
        return err;
    snprintf(shown, BACKUP_CODE_SIZE, "%.5s-%.5s", code, code + CODE_LENGTH / 2);
    done = db_exec(c, security_statement(BACKUP_CODE_ADD), user_id, hash);
    return done < 0 ? (int)done : 0;
}

int backup_codes_add(const struct keyring *k, struct db_conn *c, int64_t user_id, const char *text)
{
    char code[CODE_LENGTH_MAX + 1];
    char hash[HASH_SIZE];

    if (!canonical(text, code))
        return -EINVAL;
    int err = hash_code(keyring_key(k, 0, KEY_BACKUP_CODE), user_id, code, hash);
    int64_t done = err ? err : db_exec(c, security_statement(BACKUP_CODE_ADD), user_id, hash);
    sodium_memzero(code, sizeof(code));
    return done < 0 ? (int)done : 0;
}

int backup_codes_renew(const struct keyring *k, struct db_conn *c, int64_t user_id,
                       char out[BACKUP_CODE_COUNT][BACKUP_CODE_SIZE])
{
    int64_t done = db_exec(c, security_statement(BACKUP_CODES_CLEAR), user_id);

    if (done < 0)
        return (int)done;
    for (size_t i = 0; i < BACKUP_CODE_COUNT; i++) {
        int err = add_code(k, c, user_id, out[i]);

        if (err)
            return err;
    }
    return 0;
}

int backup_codes_spend(const struct keyring *k, struct db_conn *c, int64_t user_id, const char *text, int64_t now_us)
{
    char code[CODE_LENGTH_MAX + 1];
    char hash[HASH_SIZE];

    if (!canonical(text, code))
        return 0;
    for (size_t n = 0; n < keyring_count(k); n++) {
        int err = hash_code(keyring_key(k, n, KEY_BACKUP_CODE), user_id, code, hash);
        int64_t done = err ? err : db_exec(c, security_statement(BACKUP_CODE_SPEND), now_us, user_id, hash);

        if (done != 0)
            return done < 0 ? (int)done : 1;
    }
    return 0;
}
