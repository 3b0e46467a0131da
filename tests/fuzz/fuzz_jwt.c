/*
 * Access tokens under a fixed key. A stranger's token must never open; behind a good signature, as only a leaked key
 * could give it, header and claims may be anything. Lines of the input: the header, the claims.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "services/admin-api/security/jwt.h"
#include "tests/fuzz/fuzz.h"

#define NOW       INT64_C(1800000000)
#define BASE64URL sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define MAC_SIZE  32

static struct keyring *keyring(void)
{
    static struct keyring *k;
    char why[128];
    if (k == NULL)
        HOLDS(sodium_init() >= 0 &&
              keyring_new("a key that is long enough for a test of tokens", "", &k, why, sizeof(why)) == 0);
    return k;
}

static void put_part(struct record *token, const void *bytes, size_t len)
{
    size_t room = sodium_base64_encoded_len(len, BASE64URL);
    char *text = malloc(room);
    HOLDS(text != NULL);
    sodium_bin2base64(text, room, bytes, len, BASE64URL);
    record_put(token, text, strlen(text));
    free(text);
}

static int open_token(const struct record *token, struct jwt_claims *claims)
{
    char *copy = exact(token->bytes, token->len);
    int err = jwt_open(keyring(), copy, token->len, NOW, claims);
    HOLDS(err == 0 || err == -EKEYREJECTED || err == -EKEYEXPIRED);
    free(copy);
    return err;
}

static void check_signed(const char *header, const void *claims, size_t len)
{
    struct record token = {.len = 0};
    struct jwt_claims got;
    unsigned char mac[MAC_SIZE];

    put_part(&token, header, strlen(header));
    record_put(&token, ".", 1);
    put_part(&token, claims, len);
    HMAC(EVP_sha256(), keyring_key(keyring(), 0, KEY_JWT), KEYRING_KEY_SIZE, (const unsigned char *)token.bytes,
         token.len, mac, NULL);
    record_put(&token, ".", 1);
    put_part(&token, mac, sizeof(mac));
    if (open_token(&token, &got) == 0)
        HOLDS(got.exp > NOW && (got.type == JWT_ACCESS || got.type == JWT_REFRESH) && strstr(header, "HS256") != NULL);
    token.bytes[token.len - 2] = token.bytes[token.len - 2] == 'A' ? 'B' : 'A'; /* another signature */
    HOLDS(open_token(&token, &got) == -EKEYREJECTED);
    free(token.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record raw = {.len = 0};
    struct jwt_claims got;

    record_put(&raw, data, size);
    HOLDS(open_token(&raw, &got) == -EKEYREJECTED);
    free(raw.bytes);
    char *header = take_line(&data, &size);
    check_signed(header, data, size);
    free(header);
    return 0;
}
