/*
 * Signing and checking HS256 tokens. The signature is compared, in constant time, before anything of the token is
 * parsed: whatever a stranger sends never reaches the JSON reader.
 */
#include "services/admin-api/security/jwt.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MAC_SIZE  32
#define MAC_TEXT  43 /* its base64url, no padding */
#define JTI_BYTES 16
#define BASE64URL sodium_base64_VARIANT_URLSAFE_NO_PADDING

static const char header_json[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
static const char *const type_names[] = {[JWT_ACCESS] = "access", [JWT_REFRESH] = "refresh"};

static int sign_bytes(const unsigned char *key, const char *text, size_t len, unsigned char mac[MAC_SIZE])
{
    return HMAC(EVP_sha256(), key, KEYRING_KEY_SIZE, (const unsigned char *)text, len, mac, NULL) ? 0 : -ENOMEM;
}

/* header '.' payload, with room for '.' and the signature. */
static char *make_unsigned(const char *payload)
{
    size_t header_size = sodium_base64_encoded_len(sizeof(header_json) - 1, BASE64URL);
    size_t payload_size = sodium_base64_encoded_len(strlen(payload), BASE64URL);
    char *token = malloc(header_size + payload_size + MAC_TEXT + 1);

    if (!token)
        return NULL;
    sodium_bin2base64(token, header_size, (const unsigned char *)header_json, sizeof(header_json) - 1, BASE64URL);
    token[header_size - 1] = '.';
    sodium_bin2base64(token + header_size, payload_size, (const unsigned char *)payload, strlen(payload), BASE64URL);
    return token;
}

static char *claims_text(const struct jwt_claims *claims)
{
    unsigned char random[JTI_BYTES];
    char jti[JTI_BYTES * 2 + 1];
    json_t *json;
    char *text;

    randombytes_buf(random, sizeof(random));
    sodium_bin2hex(jti, sizeof(jti), random, sizeof(random));
    json = json_pack("{s:s, s:I, s:I, s:s, s:I, s:I, s:b}", "token_type", type_names[claims->type], "exp",
                     (json_int_t)claims->exp, "iat", (json_int_t)claims->iat, "jti", jti, "user_id",
                     (json_int_t)claims->user_id, "ver", (json_int_t)claims->ver, "mfa", (int)claims->mfa);
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

int jwt_sign(const struct keyring *k, const struct jwt_claims *claims, char **out)
{
    unsigned char mac[MAC_SIZE];
    char *payload = claims_text(claims);
    char *token = payload ? make_unsigned(payload) : NULL;
    size_t len = token ? strlen(token) : 0;

    free(payload);
    if (!token || sign_bytes(keyring_key(k, 0, KEY_JWT), token, len, mac) != 0) {
        free(token);
        return -ENOMEM;
    }
    token[len] = '.';
    sodium_bin2base64(token + len + 1, MAC_TEXT + 1, mac, sizeof(mac), BASE64URL);
    *out = token;
    return 0;
}

/* The part's JSON object, or NULL. Duplicate names are refused (RFC 7519 section 4). */
static json_t *decode_part(const char *text, size_t len)
{
    unsigned char bytes[JWT_LENGTH_MAX];
    size_t n = 0;
    json_t *json;

    if (sodium_base642bin(bytes, sizeof(bytes), text, len, NULL, &n, NULL, BASE64URL) != 0)
        return NULL;
    json = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

static bool signature_holds(const struct keyring *k, const char *text, size_t len, const char *signature)
{
    unsigned char given[MAC_SIZE];
    unsigned char mac[MAC_SIZE];
    size_t n = 0;
    bool holds = false;

    if (sodium_base642bin(given, sizeof(given), signature, MAC_TEXT, NULL, &n, NULL, BASE64URL) != 0 || n != MAC_SIZE)
        return false;
    for (size_t i = 0; i < keyring_count(k); i++) {
        if (sign_bytes(keyring_key(k, i, KEY_JWT), text, len, mac) == 0)
            holds |= sodium_memcmp(mac, given, MAC_SIZE) == 0;
    }
    return holds;
}

static bool header_holds(const char *text, size_t len)
{
    json_t *header = decode_part(text, len);
    const char *alg = json_string_value(json_object_get(header, "alg"));
    bool holds = alg && strcmp(alg, "HS256") == 0 && !json_object_get(header, "crit");

    json_decref(header);
    return holds;
}

static int read_claims(const char *text, size_t len, struct jwt_claims *out)
{
    json_t *json = decode_part(text, len);
    const char *type = NULL;
    json_int_t user_id, ver, iat, exp;
    int mfa;
    int err = json_unpack(json, "{s:s, s:I, s:I, s:I, s:I, s:b}", "token_type", &type, "user_id", &user_id, "ver", &ver,
                          "iat", &iat, "exp", &exp, "mfa", &mfa);

    if (!err && strcmp(type, type_names[JWT_ACCESS]) == 0)
        out->type = JWT_ACCESS;
    else if (!err && strcmp(type, type_names[JWT_REFRESH]) == 0)
        out->type = JWT_REFRESH;
    else
        err = -1;
    json_decref(json);
    if (err)
        return -EKEYREJECTED;
    out->user_id = user_id;
    out->ver = ver;
    out->iat = iat;
    out->exp = exp;
    out->mfa = mfa != 0;
    return 0;
}

int jwt_open(const struct keyring *k, const char *token, size_t len, int64_t now, struct jwt_claims *out)
{
    const char *first = len <= JWT_LENGTH_MAX ? memchr(token, '.', len) : NULL;
    const char *second = first ? memrchr(token, '.', len) : NULL;
    int err;

    if (!second || second == first || (size_t)(token + len - second) != MAC_TEXT + 1)
        return -EKEYREJECTED;
    if (!signature_holds(k, token, (size_t)(second - token), second + 1) ||
        !header_holds(token, (size_t)(first - token)))
        return -EKEYREJECTED;
    err = read_claims(first + 1, (size_t)(second - first - 1), out);
    if (err)
        return err;
    return out->exp > now ? 0 : -EKEYEXPIRED;
}
