/*
 * Secrets at rest with libsodium's secretbox. It knows nothing of what it seals; keys come from the keyring alone.
 */
#include "services/admin-api/security/seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#define VERSION     1
#define HEADER_SIZE (1 + crypto_secretbox_NONCEBYTES)

_Static_assert(SEAL_OVERHEAD == HEADER_SIZE + crypto_secretbox_MACBYTES, "the format as the header states it");
_Static_assert(KEYRING_KEY_SIZE == crypto_secretbox_KEYBYTES, "derived keys fit secretbox");

int seal(const struct keyring *k, enum key_purpose purpose, const void *plain, size_t len, void **out, size_t *out_len)
{
    unsigned char *sealed = malloc(len + SEAL_OVERHEAD);

    if (!sealed)
        return -ENOMEM;
    sealed[0] = VERSION;
    randombytes_buf(sealed + 1, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(sealed + HEADER_SIZE, plain, len, sealed + 1, keyring_key(k, 0, purpose));
    *out = sealed;
    *out_len = len + SEAL_OVERHEAD;
    return 0;
}

int seal_open(const struct keyring *k, enum key_purpose purpose, const void *sealed, size_t len, void **out,
              size_t *out_len, int *stale)
{
    const unsigned char *bytes = sealed;
    unsigned char *plain;

    if (len < SEAL_OVERHEAD || bytes[0] != VERSION)
        return -EBADMSG;
    plain = malloc(len - SEAL_OVERHEAD + 1);
    if (!plain)
        return -ENOMEM;
    for (size_t n = 0; n < keyring_count(k); n++) {
        if (crypto_secretbox_open_easy(plain, bytes + HEADER_SIZE, len - HEADER_SIZE, bytes + 1,
                                       keyring_key(k, n, purpose)) != 0)
            continue;
        plain[len - SEAL_OVERHEAD] = '\0';
        *out = plain;
        *out_len = len - SEAL_OVERHEAD;
        if (stale)
            *stale = n > 0;
        return 0;
    }
    free(plain);
    return -EKEYREJECTED;
}
