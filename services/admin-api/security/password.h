/*
 * Passwords at rest: argon2id (libsodium; RFC 9106) for new ones; Django's pbkdf2_sha256 verifies and is to be
 * replaced at login. One hash at a time in the whole process, so memory does not grow with logins. Blocks for tens of
 * milliseconds (pbkdf2: hundreds): worker threads only.
 */
#ifndef LC_ADMIN_SECURITY_PASSWORD_H
#define LC_ADMIN_SECURITY_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#define PASSWORD_ENCODED_SIZE 128  /* an encoded hash we make, with NUL */
#define PASSWORD_LENGTH_MIN   10   /* characters of a new password */
#define PASSWORD_LENGTH_MAX   1024 /* bytes; longer ones are wrong */

/* Memory in bytes and passes of new hashes (until then: 19 MiB, 2); hashes made with others verify and are to be
 * replaced at login. Before threads start. */
void password_setup(size_t memory, unsigned passes);

/* The encoded string to store. 0; -EINVAL: longer than PASSWORD_LENGTH_MAX; -ENOMEM. */
int password_hash(const char *password, char out[PASSWORD_ENCODED_SIZE]) __attribute__((warn_unused_result));

enum password_match { PASSWORD_WRONG = 0, PASSWORD_RIGHT, PASSWORD_RIGHT_OLD_KIND /* hash it again */ };

/* `encoded` NULL (no such user): as much work as a wrong password costs, then PASSWORD_WRONG. An encoded string of an
 * unknown kind, or one that would cost more than our bounds, is PASSWORD_WRONG too. -ENOMEM. */
int password_verify(const char *encoded, const char *password) __attribute__((warn_unused_result));
/* Whether any password could be right: it is of a known kind, whole, and within our bounds. */
bool password_is_verifiable(const char *encoded);

#endif
