/*
 * RFC 6238 codes (SHA-1, six digits, 30 seconds, one step of tolerance each way) over liboath, and what an
 * authenticator app is given to make them. Keeps no state: that a code works once is second_factor.h. Any thread.
 */
#ifndef LC_ADMIN_SECURITY_TOTP_H
#define LC_ADMIN_SECURITY_TOTP_H

#include <stddef.h>
#include <stdint.h>

#define TOTP_SECRET_SIZE 20 /* RFC 4226 section 4, R6 */
#define TOTP_TEXT_SIZE   33 /* its base32 and NUL */
#define TOTP_PERIOD      30 /* seconds of a step */
#define TOTP_DIGITS      6
#define TOTP_ISSUER      "Logs Collector"

void totp_make_secret(unsigned char out[TOTP_SECRET_SIZE]);

/* The step whose code this is, of the three around `now` (seconds since 1970), or -EKEYREJECTED. */
int64_t totp_match(const void *secret, size_t len, const char *code, int64_t now) __attribute__((warn_unused_result));

void totp_text(const unsigned char secret[TOTP_SECRET_SIZE], char out[TOTP_TEXT_SIZE]);
/* otpauth://totp/… for a QR code or an app: malloc'ed for the caller to free, NULL when memory is out. */
char *totp_uri(const char *issuer, const char *account, const unsigned char secret[TOTP_SECRET_SIZE]);

#endif
