/*
 * Time-based one-time passwords. It must not remember codes or touch the database.
 */
#include "services/admin-api/security/totp.h"

#include <errno.h>
#include <liboath/oath.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/http/percent.h"

#define TOLERANCE 1 /* steps, for clocks that differ */

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void totp_make_secret(unsigned char out[TOTP_SECRET_SIZE])
{
    randombytes_buf(out, TOTP_SECRET_SIZE);
}

int64_t totp_match(const void *secret, size_t len, const char *code, int64_t now)
{
    int64_t match = -EKEYREJECTED;
    int64_t current = now / TOTP_PERIOD;

    if (strlen(code) != TOTP_DIGITS)
        return match;
    /* All three are computed and compared whole: time says nothing about which was near. */
    for (int64_t step = current - TOLERANCE; step <= current + TOLERANCE; step++) {
        char expected[TOTP_DIGITS + 1];

        if (step < 0 || oath_hotp_generate(secret, len, (uint64_t)step, TOTP_DIGITS, false,
                                           OATH_HOTP_DYNAMIC_TRUNCATION, expected) != OATH_OK)
            continue;
        if (sodium_memcmp(expected, code, TOTP_DIGITS) == 0)
            match = step;
    }
    return match;
}

void totp_text(const unsigned char secret[TOTP_SECRET_SIZE], char out[TOTP_TEXT_SIZE])
{
    /* 160 bits are 32 characters of five: no padding. */
    for (size_t bit = 0; bit < TOTP_SECRET_SIZE * 8; bit += 5) {
        size_t byte = bit / 8;
        unsigned window = (unsigned)secret[byte] << 8 | (byte + 1 < TOTP_SECRET_SIZE ? secret[byte + 1] : 0);

        out[bit / 5] = base32[(window >> (11 - bit % 8)) & 31];
    }
    out[TOTP_TEXT_SIZE - 1] = '\0';
}

char *totp_uri(const char *issuer, const char *account, const unsigned char secret[TOTP_SECRET_SIZE])
{
    char *issuer_encoded = percent_encoded(issuer, PERCENT_UNRESERVED);
    char *account_encoded = percent_encoded(account, PERCENT_UNRESERVED);
    char text[TOTP_TEXT_SIZE];
    char *uri = NULL;

    if (issuer_encoded && account_encoded) {
        totp_text(secret, text);
        if (asprintf(&uri, "otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d",
                     issuer_encoded, account_encoded, text, issuer_encoded, TOTP_DIGITS, TOTP_PERIOD) < 0)
            uri = NULL;
        sodium_memzero(text, sizeof(text));
    }
    free(issuer_encoded);
    free(account_encoded);
    return uri;
}
