/*
 * Preloaded into the gateway by tests/bench/receive, to measure receiving without hashing: SHA-256 of libcrypto passes
 * over blocks of a body; short texts (tokens) it hashes. The services have no such mode: the recorded hash is wrong
 * then.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#define LONGEST_TEXT 1024

int SHA256_Update(void *context, const void *data, size_t len);

int SHA256_Update(void *context, const void *data, size_t len)
{
    static int (*real)(void *, const void *, size_t);

    if (len > LONGEST_TEXT)
        return 1;
    if (!real) {
        void *symbol = dlsym(RTLD_NEXT, "SHA256_Update");

        memcpy(&real, &symbol, sizeof(real));
    }
    return real(context, data, len);
}
