/*
 * What takes the place of SHA-256 in bench_gateway (CMakeLists.txt), to measure receiving without hashing: it passes
 * over blocks of a body; short texts are hashed. The services have no such mode: the recorded hash is wrong then.
 */
#include <stddef.h>
#include <stdint.h>

#define LONGEST_TEXT 1024

int SHA256_Update(void *context, const void *data, size_t len);
int bench_update(void *context, const void *data, size_t len);
void bench_blocks(uint32_t *a, const unsigned char *a_data, uint32_t *b, const unsigned char *b_data, size_t blocks);

int bench_update(void *context, const void *data, size_t len)
{
    return len > LONGEST_TEXT ? 1 : SHA256_Update(context, data, len);
}

void bench_blocks(uint32_t *a, const unsigned char *a_data, uint32_t *b, const unsigned char *b_data, size_t blocks)
{
    (void)a, (void)a_data, (void)b, (void)b_data, (void)blocks;
}
