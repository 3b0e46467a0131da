/* Upload tokens: every spelling people paste is one token, and nothing else is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/http/token.h"

#define CANONICAL "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e"

static int canonical(const char *text, char out[TOKEN_SIZE])
{
    return token_canonical((struct span){text, strlen(text)}, out);
}

static void test_spellings(void **state)
{
    static const char *const spellings[] = {
        CANONICAL,
        "0B1C2D3E-4F5A-4B6C-8D7E-9F0A1B2C3D4E",
        "0b1c2d3e4f5a4b6c8d7e9f0a1b2c3d4e",
        "0B1c2D3e4F5a4B6c8D7e9F0a1B2c3D4e",
        "{0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e}",
        "{0b1c2d3e4f5a4b6c8d7e9f0a1b2c3d4e}",
        "urn:uuid:0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e",
        "URN:UUID:0B1C2D3E-4F5A-4B6C-8D7E-9F0A1B2C3D4E",
        "  0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e\t",
    };
    char out[TOKEN_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        assert_int_equal(canonical(spellings[i], out), 0);
        assert_string_equal(out, CANONICAL);
    }
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{}",
        "urn:uuid:",
        "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4",
        "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e0",
        "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4g",
        "0b1c2d3e4-f5a-4b6c-8d7e-9f0a1b2c3d4e",
        "0b1c2d3e 4f5a 4b6c 8d7e 9f0a1b2c3d4e",
        "{0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e",
        "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e}",
        "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e\n",
        "\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9\xa0\xd9"
        "\xa0"
        "\xd9\xa0\xd9\xa0",
        "--------------------------------",
    };
    char out[TOKEN_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(canonical(texts[i], out), -EINVAL);
    assert_int_equal(token_canonical((struct span){"0b1c2d3e4f5a4b6c8d7e9f0a1b2c\0d4e", 32}, out), -EINVAL);
}

static void test_hash(void **state)
{
    char out[TOKEN_HASH_SIZE];

    (void)state;
    assert_int_equal(token_hash(CANONICAL, out), 0);
    assert_string_equal(out, "f72955e1c6e8ec9ce1bb78da802d9e520af38c43fddc2aa2f468f247e7fe5a53");
}

static void test_new(void **state)
{
    char first[TOKEN_SIZE], second[TOKEN_SIZE], again[TOKEN_SIZE];

    (void)state;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(token_new(first), 0);
        assert_int_equal(token_new(second), 0);
        assert_string_not_equal(first, second);
        assert_int_equal(canonical(first, again), 0);
        assert_string_equal(first, again);
        assert_int_equal(first[14], '4');
        assert_non_null(strchr("89ab", first[19]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_new),
    };

    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
