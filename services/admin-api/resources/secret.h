/* A ticket's upload token as it is made: canonical, hashed for looking up, sealed for showing again. Any thread. */
#ifndef LC_ADMIN_RESOURCES_SECRET_H
#define LC_ADMIN_RESOURCES_SECRET_H

#include <stddef.h>

#include "services/admin-api/security/keyring.h"
#include "shared/http/token.h"

struct secret {
    char token[TOKEN_SIZE], hash[TOKEN_HASH_SIZE];
    void *sealed;
    size_t sealed_len;
};

/* A new random one, freed with secret_free. 0 or a negative errno, then *out is NULL. */
int secret_new(const struct keyring *keys, struct secret **out) __attribute__((warn_unused_result));
void secret_free(struct secret *s);

#endif
