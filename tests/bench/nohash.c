/*
 * Preloaded into the gateway by tests/bench/receive, to measure receiving without hashing: SHA-256 of libcrypto becomes
 * nothing. The services have no such mode, and an archive's recorded hash is worthless then.
 */
#include <stddef.h>

int SHA256_Update(void *context, const void *data, size_t len);

int SHA256_Update(void *context, const void *data, size_t len)
{
    (void)context;
    (void)data;
    (void)len;
    return 1;
}
