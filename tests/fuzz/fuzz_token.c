/* Upload tokens: one canonical spelling, which is its own. */
#include "shared/http/token.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char out[TOKEN_SIZE], again[TOKEN_SIZE], hash[TOKEN_HASH_SIZE], *text = exact(data, size);

    if (token_canonical((struct span){text, size}, out) == 0) {
        HOLDS(strlen(out) == TOKEN_SIZE - 1 && strspn(out, "0123456789abcdef-") == TOKEN_SIZE - 1);
        HOLDS(token_canonical((struct span){out, TOKEN_SIZE - 1}, again) == 0 && strcmp(out, again) == 0);
        HOLDS(token_hash(out, hash) == 0 && strspn(hash, "0123456789abcdef") == TOKEN_HASH_SIZE - 1);
    }
    free(text);
    return 0;
}
