/* The one file that uses OpenSSL's low-level SHA-256: its context is a plain struct, which EVP's is not. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "shared/digest/digest.h"

#include <errno.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <string.h>

#include "shared/digest/pair.h"

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

static pthread_once_t looked = PTHREAD_ONCE_INIT;
static bool pairs;

static void look(void)
{
    pairs = pair_is_there();
}

bool digest_pairs(void)
{
    pthread_once(&looked, look);
    return pairs;
}

/* Completes the block that was begun: how many bytes that took. */
static size_t complete_block(SHA256_CTX *s, const void *data, size_t len)
{
    size_t missing = s->num == 0 ? 0 : SHA256_CBLOCK - s->num;
    missing = missing < len ? missing : len;
    SHA256_Update(s, data, missing);
    return missing;
}

static void count_blocks(SHA256_CTX *s, size_t blocks)
{
    uint64_t bits = ((uint64_t)s->Nh << 32 | s->Nl) + ((uint64_t)blocks * SHA256_CBLOCK << 3);
    s->Nl = (SHA_LONG)bits;
    s->Nh = (SHA_LONG)(bits >> 32);
}

void digest_update_pair(struct digest *a, const void *a_data, struct digest *b, const void *b_data, size_t len)
{
    const unsigned char *a_bytes = a_data, *b_bytes = b_data;
    size_t a_at = 0, b_at = 0;

    if (digest_pairs()) {
        a_at = complete_block(state(a), a_bytes, len);
        b_at = complete_block(state(b), b_bytes, len);
        size_t blocks = (len - (a_at > b_at ? a_at : b_at)) / SHA256_CBLOCK;
        pair_blocks(state(a)->h, a_bytes + a_at, state(b)->h, b_bytes + b_at, blocks);
        count_blocks(state(a), blocks);
        count_blocks(state(b), blocks);
        a_at += blocks * SHA256_CBLOCK;
        b_at += blocks * SHA256_CBLOCK;
    }
    SHA256_Update(state(a), a_bytes + a_at, len - a_at);
    SHA256_Update(state(b), b_bytes + b_at, len - b_at);
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
