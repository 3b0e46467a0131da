/* Random tokens and their hashes. It keeps nothing and compares nothing: the database looks hashes up. */
#include "services/admin-api/security/opaque.h"

#include <sodium.h>

#define SECRET_BYTES 32

void opaque_make(char out[OPAQUE_SIZE])
{
    unsigned char secret[SECRET_BYTES];

    randombytes_buf(secret, sizeof(secret));
    sodium_bin2base64(out, OPAQUE_SIZE, secret, sizeof(secret), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(secret, sizeof(secret));
}

void opaque_hash(const char *text, size_t len, char out[OPAQUE_HASH_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, (const unsigned char *)text, len);
    sodium_bin2hex(out, OPAQUE_HASH_SIZE, digest, sizeof(digest));
}
