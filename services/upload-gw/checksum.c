/* Announced digests, by OpenSSL's EVP; see checksum.h. */
#include "services/upload-gw/checksum.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const EVP_MD *(*digest)(void);
} algorithms[] = {{"sha1", EVP_sha1}, {"sha256", EVP_sha256}};

struct checksum {
    EVP_MD_CTX *ctx;
    bool failed;
    unsigned char announced[EVP_MAX_MD_SIZE];
    size_t size;
};

static const EVP_MD *find(struct span name)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); ++i)
        if (span_equals(name, algorithms[i].name))
            return algorithms[i].digest();
    return NULL;
}

static int read_value(struct checksum *c, struct span value, size_t size)
{
    return sodium_base642bin(c->announced, sizeof(c->announced), value.data, value.len, NULL, &c->size, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
                   c->size == size
               ? 0
               : -EINVAL;
}

int checksum_new(struct span announced, struct checksum **out)
{
    const char *space = memchr(announced.data, ' ', announced.len);
    if (space == NULL)
        return -EINVAL;
    size_t name_len = (size_t)(space - announced.data);
    const EVP_MD *md = find((struct span){announced.data, name_len});
    if (md == NULL)
        return -ENOTSUP;
    struct checksum *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return -ENOMEM;
    int err = read_value(c, (struct span){space + 1, announced.len - name_len - 1}, (size_t)EVP_MD_get_size(md));
    if (err == 0 && ((c->ctx = EVP_MD_CTX_new()) == NULL || EVP_DigestInit_ex(c->ctx, md, NULL) != 1))
        err = -ENOMEM;
    if (err < 0) {
        checksum_free(c);
        return err;
    }
    *out = c;
    return 0;
}

void checksum_free(struct checksum *c)
{
    if (c == NULL)
        return;
    EVP_MD_CTX_free(c->ctx);
    free(c);
}

void checksum_update(struct checksum *c, const void *data, size_t len)
{
    if (EVP_DigestUpdate(c->ctx, data, len) != 1)
        c->failed = true;
}

bool checksum_matches(struct checksum *c)
{
    unsigned char got[EVP_MAX_MD_SIZE];
    return EVP_DigestFinal_ex(c->ctx, got, NULL) == 1 && !c->failed && memcmp(got, c->announced, c->size) == 0;
}
