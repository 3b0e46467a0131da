/* The one file that uses OpenSSL's low-level SHA-256: its context is a plain struct, which EVP's is not. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "shared/digest/digest.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct digest), "the state fits");
_Static_assert(sizeof(SHA256_CTX) == DIGEST_STATE_SIZE, "the size that records keep");

static SHA256_CTX *state(struct digest *d)
{
    return (SHA256_CTX *)(void *)d->opaque;
}

void digest_init(struct digest *d)
{
    *d = (struct digest){{0}};
    SHA256_Init(state(d));
}

void digest_update(struct digest *d, const void *data, size_t len)
{
    SHA256_Update(state(d), data, len);
}

void digest_final(struct digest *d, unsigned char out[DIGEST_SIZE])
{
    SHA256_Final(out, state(d));
}

void digest_save(const struct digest *d, unsigned char out[DIGEST_STATE_SIZE])
{
    memcpy(out, d->opaque, DIGEST_STATE_SIZE);
}

/* `num` is an index into the block: a record that was tampered with must not make it point elsewhere. */
int digest_load(struct digest *d, const unsigned char in[DIGEST_STATE_SIZE], uint64_t count)
{
    memcpy(d->opaque, in, DIGEST_STATE_SIZE);
    const SHA256_CTX *s = state(d);
    uint64_t bits = (uint64_t)s->Nh << 32 | s->Nl;
    return s->md_len == DIGEST_SIZE && bits == count << 3 && s->num == count % SHA256_CBLOCK ? 0 : -EBADMSG;
}

void digest_hex(const unsigned char *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; ++i) {
        *out++ = "0123456789abcdef"[bytes[i] >> 4];
        *out++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *out = '\0';
}
