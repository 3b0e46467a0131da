/*
 * Opaque secrets that mean nothing but to us: 256 random bits as text for the holder, their SHA-256 for the database.
 * With so many bits a plain hash cannot be tried; it also outlives a change of SECRET_KEY. Any thread.
 */
#ifndef LC_ADMIN_SECURITY_OPAQUE_H
#define LC_ADMIN_SECURITY_OPAQUE_H

#include <stddef.h>

#define OPAQUE_SIZE      44 /* base64url of 32 bytes, and NUL */
#define OPAQUE_HASH_SIZE 65 /* hex, and NUL */

void opaque_make(char out[OPAQUE_SIZE]);
/* Of `len` bytes of any text: what was made, or what somebody sent as such. */
void opaque_hash(const char *text, size_t len, char out[OPAQUE_HASH_SIZE]);

#endif
