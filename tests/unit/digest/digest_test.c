/* SHA-256 by FIPS 180-4's examples, and its state as records keep it. */
#include "shared/digest/digest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples), cmocka_unit_test(test_state),
                                       cmocka_unit_test(test_unsound_states_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
