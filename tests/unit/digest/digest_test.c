/* SHA-256 by FIPS 180-4's examples, its state as records keep it, and pairs of digests against OpenSSL. */
#include "shared/digest/digest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <cmocka.h>

static void assert_digest(struct digest *d, const char *hex)
{
    unsigned char bytes[DIGEST_SIZE];
    char text[DIGEST_HEX_SIZE];
    digest_final(d, bytes);
    digest_hex(bytes, sizeof(bytes), text);
    assert_string_equal(text, hex);
}

static void test_examples(void **state)
{
    struct digest d;
    (void)state;
    digest_init(&d);
    assert_digest(&d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_init(&d);
    digest_update(&d, "abc", 3);
    assert_digest(&d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Cut anywhere, kept and loaded, the digest is that of the whole. */
static void test_state(void **state)
{
    unsigned char kept[DIGEST_STATE_SIZE];
    char data[300];
    struct digest d;
    (void)state;
    memset(data, 'a', sizeof(data));
    for (size_t cut = 0; cut <= sizeof(data); ++cut) {
        digest_init(&d);
        digest_update(&d, data, cut);
        digest_save(&d, kept);
        memset(&d, 0xff, sizeof(d));
        assert_int_equal(digest_load(&d, kept, cut), 0);
        digest_update(&d, data + cut, sizeof(data) - cut);
        assert_digest(&d, "9835fa6bf4e20a9b9ea812506302e98982721a6cf8d2cae67af57129bf21ae90");
    }
}

static void test_unsound_states_are_refused(void **state)
{
    unsigned char kept[DIGEST_STATE_SIZE], bad[DIGEST_STATE_SIZE];
    struct digest d;
    (void)state;
    digest_init(&d);
    digest_update(&d, "abc", 3);
    digest_save(&d, kept);
    assert_int_equal(digest_load(&d, kept, 3), 0);
    assert_int_equal(digest_load(&d, kept, 4), -EBADMSG);
    memset(bad, 0, sizeof(bad));
    assert_int_equal(digest_load(&d, bad, 0), -EBADMSG);
    memcpy(bad, kept, sizeof(bad));
    bad[DIGEST_STATE_SIZE - 8] = 200; /* the index into the block */
    assert_int_equal(digest_load(&d, bad, 3), -EBADMSG);
}

/* --- two at once, against OpenSSL's EVP --- */

#define MESSAGE  4096
#define MESSAGES 40000
#define OFFSETS  64

static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

static size_t draw(size_t below) /* xorshift */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed >> 11) % below;
}

static void assert_openssl_agrees(struct digest *d, const unsigned char *data, size_t len)
{
    unsigned char ours[DIGEST_SIZE], theirs[DIGEST_SIZE];
    digest_final(d, ours);
    assert_int_equal(EVP_Digest(data, len, theirs, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(ours, theirs, DIGEST_SIZE);
}

/* Lengths, alignments, what each had before and where both are cut: all at random. */
static void hash_a_pair(const unsigned char *data)
{
    const unsigned char *a = data + draw(OFFSETS), *b = data + draw(OFFSETS);
    size_t a_at = draw(200), b_at = draw(200), both = draw(MESSAGE - OFFSETS - 200), left = both;
    struct digest one, two;

    digest_init(&one);
    digest_init(&two);
    digest_update(&one, a, a_at);
    digest_update(&two, b, b_at);
    while (left > 0) {
        size_t piece = draw(4) == 0 ? left : 1 + draw(left < 300 ? left : 300);
        digest_update_pair(&one, a + a_at, &two, b + b_at, piece);
        a_at += piece;
        b_at += piece;
        left -= piece;
    }
    assert_openssl_agrees(&one, a, a_at);
    assert_openssl_agrees(&two, b, b_at);
}

static void test_pairs(void **state)
{
    unsigned char *data = malloc(MESSAGE);
    (void)state;
    print_message("the processor hashes %s\n", digest_pairs() ? "two at once" : "one at a time");
    for (size_t i = 0; i < MESSAGE; ++i)
        data[i] = (unsigned char)draw(256);
    for (int i = 0; i < MESSAGES; ++i)
        hash_a_pair(data);
    free(data);
}

/* The count of bits goes beyond 32 of them; the states stay sound for records. */
static void test_long_pairs(void **state)
{
    const size_t piece = 1 << 20, pieces = 520;
    unsigned char *data = calloc(1, piece), kept[DIGEST_STATE_SIZE], alone[DIGEST_SIZE], paired[DIGEST_SIZE];
    struct digest one, two, three;
    (void)state;
    digest_init(&one);
    digest_init(&two);
    digest_init(&three);
    digest_update(&two, "x", 1);
    for (size_t i = 0; i < pieces; ++i) {
        digest_update_pair(&one, data, &two, data, piece);
        digest_update(&three, data, piece);
    }
    digest_save(&two, kept);
    assert_int_equal(digest_load(&two, kept, pieces * piece + 1), 0);
    digest_final(&one, paired);
    digest_final(&three, alone);
    assert_memory_equal(paired, alone, DIGEST_SIZE);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples), cmocka_unit_test(test_state),
                                       cmocka_unit_test(test_unsound_states_are_refused), cmocka_unit_test(test_pairs),
                                       cmocka_unit_test(test_long_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
