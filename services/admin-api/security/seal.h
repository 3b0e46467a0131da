/*
 * Secrets at rest: XSalsa20-Poly1305 (libsodium's secretbox) under the purpose's key. Format: version byte 1, nonce,
 * box. Sealed with the current SECRET_KEY; opened with it or a fallback. Any thread.
 */
#ifndef LC_ADMIN_SECURITY_SEAL_H
#define LC_ADMIN_SECURITY_SEAL_H

#include <stddef.h>

#include "services/admin-api/security/keyring.h"

#define SEAL_OVERHEAD 41 /* bytes a sealed text is longer */

/* *out: len + SEAL_OVERHEAD bytes, freed by the caller. 0 or -ENOMEM. */
int seal(const struct keyring *k, enum key_purpose purpose, const void *plain, size_t len, void **out, size_t *out_len)
    __attribute__((warn_unused_result));

/* *out: freed by the caller, with a NUL behind the len bytes. 0; -EKEYREJECTED: no key opens it (tampered, another
 * purpose, a SECRET_KEY that is no longer listed); -EBADMSG: not this format; -ENOMEM. *stale (may be NULL): a
 * fallback opened it, so it should be sealed again. */
int seal_open(const struct keyring *k, enum key_purpose purpose, const void *sealed, size_t len, void **out,
              size_t *out_len, int *stale) __attribute__((warn_unused_result));

#endif
