/* CSRF tokens. Where a request brings them is no business of this file. */
#include "services/admin-api/security/csrf.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <string.h>

static int make(const unsigned char *key, const char *session_hash, char out[CSRF_SIZE])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];

    if (!HMAC(EVP_sha256(), key, KEYRING_KEY_SIZE, (const unsigned char *)session_hash, strlen(session_hash), mac,
              NULL))
        return -ENOMEM;
    sodium_bin2base64(out, CSRF_SIZE, mac, sizeof(mac), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return 0;
}

int csrf_make(const struct keyring *k, const char *session_hash, char out[CSRF_SIZE])
{
    return make(keyring_key(k, 0, KEY_CSRF), session_hash, out);
}

bool csrf_holds(const struct keyring *k, const char *session_hash, const char *token, size_t len)
{
    char wanted[CSRF_SIZE];
    bool holds = false;

    if (len != CSRF_SIZE - 1)
        return false;
    for (size_t n = 0; n < keyring_count(k); n++) {
        if (make(keyring_key(k, n, KEY_CSRF), session_hash, wanted) == 0)
            holds |= sodium_memcmp(wanted, token, len) == 0;
    }
    return holds;
}
