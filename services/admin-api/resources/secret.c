/* Upload tokens being made; see secret.h. */
#include "services/admin-api/resources/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/security/seal.h"

int secret_new(const struct keyring *keys, struct secret **out)
{
    struct secret *s = calloc(1, sizeof(*s));
    int err = s == NULL ? -ENOMEM : token_new(s->token);

    if (err == 0)
        err = token_hash(s->token, s->hash);
    if (err == 0)
        err = seal(keys, KEY_UPLOAD_TOKEN, s->token, TOKEN_SIZE - 1, &s->sealed, &s->sealed_len);
    if (err < 0) {
        secret_free(s);
        s = NULL;
    }
    *out = s;
    return err;
}

void secret_free(struct secret *s)
{
    if (s == NULL)
        return;
    explicit_bzero(s->token, sizeof(s->token));
    free(s->sealed);
    free(s);
}
