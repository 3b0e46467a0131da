/* Two digests at once: the same as one after the other, wherever both are cut, kept and loaded. */
#include "shared/digest/digest.h"
#include "tests/fuzz/fuzz.h"

static void hash_alone(const void *data, size_t len, unsigned char out[DIGEST_SIZE])
{
    struct digest d;
    digest_init(&d);
    digest_update(&d, data, len);
    digest_final(&d, out);
}

static void keep_and_load(struct digest *d, size_t len)
{
    unsigned char kept[DIGEST_STATE_SIZE];
    digest_save(d, kept);
    memset(d, 0xff, sizeof(*d));
    HOLDS(digest_load(d, kept, len) == 0);
}

static void check(struct digest *d, const char *data, size_t len)
{
    unsigned char paired[DIGEST_SIZE], alone[DIGEST_SIZE];
    digest_final(d, paired);
    hash_alone(data, len, alone);
    HOLDS(memcmp(paired, alone, DIGEST_SIZE) == 0);
}

/* The messages: the input without a few bytes of its beginning, so that their blocks lie differently. */
static void hash_both(const char *data, size_t size, enum cutting how, struct dice *d)
{
    size_t first = dice_roll(d, size + 1), at = 0, len = size - first;
    struct digest one, two;

    digest_init(&one);
    digest_init(&two);
    digest_update(&two, data, first);
    while (at < len) {
        char *piece[2];
        size_t n = cut_next(how, d, len - at);
        piece[0] = exact(data + at, n);
        piece[1] = exact(data + first + at, n);
        digest_update_pair(&one, piece[0], &two, piece[1], n);
        at += n;
        if (dice_roll(d, 8) == 0)
            keep_and_load(&two, first + at);
        free(piece[0]);
        free(piece[1]);
    }
    check(&one, data, len);
    check(&two, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dice d = dice_of(data, size);
    char *input = exact(data, size);
    for (enum cutting how = CUT_WHOLE; how < CUTTINGS; ++how)
        hash_both(input, size, how, &d);
    free(input);
    return 0;
}
