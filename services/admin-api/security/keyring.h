/*
 * SECRET_KEY and its fallbacks, with one derived key per purpose (HKDF-SHA256, RFC 5869; the purpose's label as info).
 * Made once at start and read-only afterwards: any thread. A key never leaves this library.
 */
#ifndef LC_ADMIN_SECURITY_KEYRING_H
#define LC_ADMIN_SECURITY_KEYRING_H

#include <stddef.h>

#define KEYRING_KEY_SIZE 32

/* What a derived key is for: KEY(id, label). A label is never changed: what was sealed under it could not be opened. */
#define KEYRING_PURPOSES(KEY)                                                                                          \
    KEY(JWT, "logs-collector/jwt/v1")                                                                                  \
    KEY(TOTP, "logs-collector/totp/v1")                                                                                \
    KEY(UPLOAD_TOKEN, "logs-collector/upload-token/v1")                                                                \
    KEY(BACKUP_CODE, "logs-collector/backup-code/v1")                                                                  \
    KEY(CSRF, "logs-collector/csrf/v1")                                                                                \
    KEY(WEBHOOK, "logs-collector/webhook/v1")                                                                          \
    KEY(MARK, "logs-collector/mark/v1")

enum key_purpose {
#define KEYRING_ID(id, label) KEY_##id,
    KEYRING_PURPOSES(KEYRING_ID)
#undef KEYRING_ID
        KEY_PURPOSE_COUNT
};

struct keyring;

/* `fallbacks`: former keys separated by commas, or "". 0, -EINVAL with one line in `why` (never a key), -ENOMEM. */
int keyring_new(const char *secret_key, const char *fallbacks, struct keyring **out, char *why, size_t why_size)
    __attribute__((warn_unused_result));
void keyring_free(struct keyring *k); /* wipes it */

/* How many SECRET_KEYs there are (at least 1), and the KEYRING_KEY_SIZE bytes for a purpose of the n-th; 0 is the
 * current one, the only one to sign and seal with. */
size_t keyring_count(const struct keyring *k);
const unsigned char *keyring_key(const struct keyring *k, size_t n, enum key_purpose purpose);

/* config_row.check: room for 256 random bits, not repetitive. */
int keyring_check_key(const char *value, char *why, size_t why_size);
int keyring_check_fallbacks(const char *value, char *why, size_t why_size);

#endif
