/*
 * Upload tokens: one canonical spelling, its hash, and new ones from the kernel's random source.
 * It never keeps a token and never compares them: look-ups go by hash.
 */
#include "shared/http/token.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define UUID_BYTES 16
#define HASH_BYTES 32
#define URN        "urn:uuid:"
#define PLAIN_LEN  32 /* without dashes */
#define DASHED_LEN 36

static const char hex_digits[] = "0123456789abcdef";

/* Where RFC 4122 puts a dash, in the dashed form. */
static bool is_dash_place(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

static struct span trim(struct span text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static struct span unwrap(struct span text)
{
    if (text.len >= sizeof(URN) - 1 && strncasecmp(text.data, URN, sizeof(URN) - 1) == 0) {
        text.data += sizeof(URN) - 1;
        text.len -= sizeof(URN) - 1;
    } else if (text.len >= 2 && text.data[0] == '{' && text.data[text.len - 1] == '}') {
        text.data++;
        text.len -= 2;
    }
    return text;
}

static char lower_hex(char c)
{
    if (c >= 'A' && c <= 'F')
        return (char)(c - 'A' + 'a');
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? c : '\0';
}

int token_canonical(struct span text, char out[TOKEN_SIZE])
{
    size_t used = 0;

    text = unwrap(trim(text));
    if (text.len != PLAIN_LEN && text.len != DASHED_LEN)
        return -EINVAL;
    for (size_t i = 0; i < DASHED_LEN; i++) {
        if (is_dash_place(i)) {
            out[i] = '-';
            if (text.len == DASHED_LEN && text.data[used++] != '-')
                return -EINVAL;
        } else {
            out[i] = lower_hex(text.data[used++]);
            if (!out[i])
                return -EINVAL;
        }
    }
    out[DASHED_LEN] = '\0';
    return 0;
}

int token_hash(const char *canonical, char out[TOKEN_HASH_SIZE])
{
    unsigned char digest[HASH_BYTES];

    if (EVP_Digest(canonical, strlen(canonical), digest, NULL, EVP_sha256(), NULL) != 1)
        return -EIO;
    for (size_t i = 0; i < HASH_BYTES; i++) {
        out[2 * i] = hex_digits[digest[i] >> 4];
        out[2 * i + 1] = hex_digits[digest[i] & 15];
    }
    out[TOKEN_HASH_SIZE - 1] = '\0';
    return 0;
}

int token_new(char out[TOKEN_SIZE])
{
    unsigned char random[UUID_BYTES];
    size_t used = 0;

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EIO;
    random[6] = (unsigned char)((random[6] & 0x0f) | 0x40); /* version 4: RFC 4122 4.4 */
    random[8] = (unsigned char)((random[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < DASHED_LEN; i++) {
        if (is_dash_place(i)) {
            out[i] = '-';
        } else {
            out[i] = hex_digits[used % 2 ? random[used / 2] & 15 : random[used / 2] >> 4];
            used++;
        }
    }
    out[DASHED_LEN] = '\0';
    return 0;
}
