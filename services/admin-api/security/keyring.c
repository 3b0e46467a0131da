/*
 * Derives every purpose's key from SECRET_KEY and its fallbacks once, at start.
 * It must not hand out or print a SECRET_KEY itself.
 */
#include "services/admin-api/security/keyring.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BITS_MIN     256.0
#define KEY_DISTINCT_MIN 8 /* different characters */
#define KEYS_MAX         16

struct keyring {
    size_t count;
    unsigned char keys[KEYS_MAX][KEY_PURPOSE_COUNT][KEYRING_KEY_SIZE];
};

static const char *const labels[KEY_PURPOSE_COUNT] = {
#define KEYRING_LABEL(id, label) [KEY_##id] = (label),
    KEYRING_PURPOSES(KEYRING_LABEL)
#undef KEYRING_LABEL
};

static int derive(const char *secret, size_t len, const char *label, unsigned char out[KEYRING_KEY_SIZE])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    char digest[] = "SHA256";
    OSSL_PARAM params[4] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                            {.key = OSSL_KDF_PARAM_KEY,
                             .data_type = OSSL_PARAM_OCTET_STRING,
                             .data = (void *)(uintptr_t)secret,
                             .data_size = len},
                            {.key = OSSL_KDF_PARAM_INFO,
                             .data_type = OSSL_PARAM_OCTET_STRING,
                             .data = (void *)(uintptr_t)label,
                             .data_size = strlen(label)},
                            OSSL_PARAM_construct_end()};
    int ok = ctx && EVP_KDF_derive(ctx, out, KEYRING_KEY_SIZE, params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok ? 0 : -ENOMEM;
}

/* Is the text a shorter one repeated? Every shift of the text by its period falls on itself. */
static bool is_repeated(const char *text, size_t len)
{
    for (size_t period = 1; period <= len / 2; period++) {
        if (memcmp(text, text + period, len - period) == 0)
            return true;
    }
    return false;
}

static size_t distinct_bytes(const char *text, size_t len)
{
    bool seen[256] = {false};
    size_t distinct = 0;

    for (size_t i = 0; i < len; i++) {
        bool *slot = &seen[(unsigned char)text[i]];

        distinct += !*slot;
        *slot = true;
    }
    return distinct;
}

/* What a random text of this length and these kinds of characters can hold. */
static double bits_at_most(const char *text, size_t len)
{
    static const struct {
        const char *characters;
        double bits; /* of each */
    } kinds[] = {
        {"0123456789", 3.321},
        {"0123456789abcdef", 4},
        {"0123456789ABCDEF", 4},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567=", 5},
        {"abcdefghijklmnopqrstuvwxyz0123456789-_", 5.2},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", 5.2},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=", 6},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strspn(text, kinds[i].characters) >= len)
            return (double)len * kinds[i].bits;
    }
    return (double)len * 6.5;
}

static int check_key(const char *text, size_t len, char *why, size_t why_size)
{
    const char *fault = NULL;

    if (bits_at_most(text, len) < KEY_BITS_MIN)
        fault = "a key has room for fewer than 32 random bytes";
    else if (distinct_bytes(text, len) < KEY_DISTINCT_MIN || is_repeated(text, len))
        fault = "a key repeats itself and can be guessed";
    if (!fault)
        return 0;
    snprintf(why, why_size, "%s; make one with: openssl rand -base64 48", fault);
    return -EINVAL;
}

int keyring_check_key(const char *value, char *why, size_t why_size)
{
    return check_key(value, strlen(value), why, why_size);
}

/* Calls `take` for every key of a comma-separated list; stops at its first error. */
static int each_fallback(const char *list, int (*take)(const char *text, size_t len, void *arg), void *arg)
{
    while (*list) {
        size_t len = strcspn(list, ",");
        int err = len > 0 ? take(list, len, arg) : 0;

        if (err)
            return err;
        list += len;
        list += *list == ',';
    }
    return 0;
}

struct fallback_check {
    size_t count;
    char *why;
    size_t why_size;
};

static int on_fallback_to_check(const char *text, size_t len, void *arg)
{
    struct fallback_check *check = arg;

    if (++check->count >= KEYS_MAX) {
        snprintf(check->why, check->why_size, "more than %d keys; leave the oldest out", KEYS_MAX - 1);
        return -EINVAL;
    }
    return check_key(text, len, check->why, check->why_size);
}

int keyring_check_fallbacks(const char *value, char *why, size_t why_size)
{
    struct fallback_check check = {.why = why, .why_size = why_size};

    return each_fallback(value, on_fallback_to_check, &check);
}

static int on_key(const char *text, size_t len, void *arg)
{
    struct keyring *k = arg;

    for (size_t purpose = 0; purpose < KEY_PURPOSE_COUNT; purpose++) {
        int err = derive(text, len, labels[purpose], k->keys[k->count][purpose]);

        if (err)
            return err;
    }
    k->count++;
    return 0;
}

int keyring_new(const char *secret_key, const char *fallbacks, struct keyring **out, char *why, size_t why_size)
{
    char reason[128] = "";
    struct keyring *k;
    int err;

    if (keyring_check_key(secret_key, reason, sizeof(reason)) != 0) {
        snprintf(why, why_size, "SECRET_KEY: %s", reason);
        return -EINVAL;
    }
    if (keyring_check_fallbacks(fallbacks, reason, sizeof(reason)) != 0) {
        snprintf(why, why_size, "SECRET_KEY_FALLBACKS: %s", reason);
        return -EINVAL;
    }
    k = sodium_init() < 0 ? NULL : calloc(1, sizeof(*k));
    err = k ? on_key(secret_key, strlen(secret_key), k) : -ENOMEM;
    if (!err)
        err = each_fallback(fallbacks, on_key, k);
    if (err) {
        snprintf(why, why_size, "SECRET_KEY: no memory to derive keys");
        keyring_free(k);
        return err;
    }
    *out = k;
    return 0;
}

void keyring_free(struct keyring *k)
{
    if (!k)
        return;
    sodium_memzero(k, sizeof(*k));
    free(k);
}

size_t keyring_count(const struct keyring *k)
{
    return k->count;
}

const unsigned char *keyring_key(const struct keyring *k, size_t n, enum key_purpose purpose)
{
    return k->keys[n][purpose];
}
