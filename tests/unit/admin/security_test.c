/* What accounts rest on, without a database: one-time codes, passwords and their rules, keys, seals, tokens. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/admin-api/accounts/qr.h"
#include "services/admin-api/accounts/throttle.h"
#include "services/admin-api/security/access_token.h"
#include "services/admin-api/security/csrf.h"
#include "services/admin-api/security/jwt.h"
#include "services/admin-api/security/password.h"
#include "services/admin-api/security/password_rules.h"
#include "services/admin-api/security/seal.h"
#include "services/admin-api/security/totp.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define KEY_A  "kLr9Xo2cVtq8bWz5NfYh1uJm4sGd7eRp0aTi3KvEwQx6MnBy"
#define KEY_B  "Zt4vHq7nXc1mKs9dWp3yRb6uFj8gLe2oTa5iVh0kPx7wQz1s"

static const unsigned char rfc_secret[] = "12345678901234567890"; /* of both RFCs */
static char why[256];

/* --- one-time codes --- */

/* RFC 4226 appendix D: a step's code is its counter's. */
static void test_rfc4226(void **state)
{
    static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314",
                                        "254676", "287922", "162583", "399871", "520489"};
    (void)state;
    for (size_t i = 0; i < LEN(codes); i++)
        assert_int_equal(totp_match(rfc_secret, 20, codes[i], (int64_t)i * TOTP_PERIOD), (int64_t)i);
}

/* RFC 6238 appendix B, SHA-1: the last six of its eight digits. */
static void test_rfc6238(void **state)
{
    static const struct {
        int64_t time;
        const char *code;
    } rows[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
                {1234567890, "005924"}, {2000000000, "279037"}, {INT64_C(20000000000), "353130"}};
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++)
        assert_int_equal(totp_match(rfc_secret, 20, rows[i].code, rows[i].time), rows[i].time / TOTP_PERIOD);
}

static void test_tolerance(void **state)
{
    const char *code = "005924"; /* of step 41152263 */
    int64_t step = 1234567890 / TOTP_PERIOD;
    (void)state;
    for (int64_t off = -4; off <= 4; off++) {
        int64_t match = totp_match(rfc_secret, 20, code, (step + off) * TOTP_PERIOD + 15);
        assert_int_equal(match, off >= -1 && off <= 1 ? step : -EKEYREJECTED);
    }
    assert_int_equal(totp_match(rfc_secret, 20, code, (step - 1) * TOTP_PERIOD), step);
    assert_int_equal(totp_match(rfc_secret, 20, code, (step - 1) * TOTP_PERIOD - 1), -EKEYREJECTED);
    assert_int_equal(totp_match(rfc_secret, 20, code, (step + 2) * TOTP_PERIOD - 1), step);
    assert_int_equal(totp_match(rfc_secret, 20, code, (step + 2) * TOTP_PERIOD), -EKEYREJECTED);
}

static void test_no_codes(void **state)
{
    static const char *const codes[] = {"", "05924", "0005924", "00592a", " 05924", "-05924"};
    (void)state;
    for (size_t i = 0; i < LEN(codes); i++)
        assert_int_equal(totp_match(rfc_secret, 20, codes[i], 1234567890), -EKEYREJECTED);
}

static void test_otpauth(void **state)
{
    char *uri = totp_uri("Logs Collector", "ann@example.com", rfc_secret);
    (void)state;
    assert_string_equal(uri, "otpauth://totp/Logs%20Collector:ann%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
                             "&issuer=Logs%20Collector&algorithm=SHA1&digits=6&period=30");
    free(uri);
}

static void test_qr(void **state)
{
    char *svg = qr_svg("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ");
    char *too_long = malloc(10000);
    (void)state;
    assert_non_null(svg);
    assert_memory_equal(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", 52);
    assert_null(strstr(svg, "GEZDG"));
    assert_string_equal(svg + strlen(svg) - 9, "\"/></svg>");
    free(svg);
    memset(too_long, 'x', 9999);
    too_long[9999] = '\0';
    assert_null(qr_svg(too_long));
    free(too_long);
}

/* --- passwords --- */

static void test_password_round(void **state)
{
    char encoded[PASSWORD_ENCODED_SIZE], other[PASSWORD_ENCODED_SIZE];
    (void)state;
    assert_int_equal(password_hash("correct horse battery", encoded), 0);
    assert_memory_equal(encoded, "$argon2id$v=19$m=8192,t=1,p=1$", 30);
    assert_int_equal(password_hash("correct horse battery", other), 0);
    assert_string_not_equal(encoded, other);
    assert_int_equal(password_verify(encoded, "correct horse battery"), PASSWORD_RIGHT);
    assert_int_equal(password_verify(encoded, "correct horse batterY"), PASSWORD_WRONG);
    assert_int_equal(password_verify(encoded, ""), PASSWORD_WRONG);
    assert_int_equal(password_verify(NULL, "correct horse battery"), PASSWORD_WRONG);
}

static void test_other_cost(void **state)
{
    char encoded[PASSWORD_ENCODED_SIZE];
    (void)state;
    assert_int_equal(password_hash("correct horse battery", encoded), 0);
    password_setup((size_t)8 << 20, 2);
    assert_int_equal(password_verify(encoded, "correct horse battery"), PASSWORD_RIGHT_OLD_KIND);
    assert_int_equal(password_verify(encoded, "something else"), PASSWORD_WRONG);
    password_setup((size_t)8 << 20, 1);
}

static void test_django_hashes(void **state)
{
    static const char good[] = "pbkdf2_sha256$1000$saltsalt$2vLrmxK8YFROnGTL6oinO4bfT02gvTppeFbz7HWz5X0=";
    static const char *const bad[] = {
        "pbkdf2_sha256$0$saltsalt$2vLrmxK8YFROnGTL6oinO4bfT02gvTppeFbz7HWz5X0=",
        "pbkdf2_sha256$99999999999$saltsalt$2vLrmxK8YFROnGTL6oinO4bfT02gvTppeFbz7HWz5X0=",
        "pbkdf2_sha256$1000$saltsalt$",
        "pbkdf2_sha256$1000$saltsalt",
        "pbkdf2_sha256$1000",
        "pbkdf2_sha256$",
        "pbkdf2_sha1$1000$saltsalt$2vLrmxK8YFROnGTL6oinO4bfT02gvTppeFbz7HWz5X0=",
        "$argon2id$",
        "$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
        "correct horse battery",
        "",
        "!",
    };
    (void)state;
    assert_int_equal(password_verify(good, "correct horse battery"), PASSWORD_RIGHT_OLD_KIND);
    assert_int_equal(password_verify(good, "correct horse batterz"), PASSWORD_WRONG);
    for (size_t i = 0; i < LEN(bad); i++)
        assert_int_equal(password_verify(bad[i], "correct horse battery"), PASSWORD_WRONG);
}

static void test_password_rules(void **state)
{
    static const char *const user[] = {"jane.doe", "jane.doe@example.com", "Jane", "Doe", NULL};
    static const struct {
        const char *password, *message;
    } rows[] = {
        {"", "too short"},
        {"Zx9-short", "too short"},
        {"ёжикёжикё", "too short"}, /* nine characters, though 18 bytes */
        {"1029384756", "entirely numeric"},
        {"password123", "too common"},
        {"PASSWORD2026!", "too common"},
        {"!!Qwertyuiop", "too common"},
        {"1q2w3e4r5t", "too common"},
        {"aaaaaaaaaaaa", "too common"},
        {"abababababab", "too common"},
        {"lmnopqrstuv", "too common"},
        {"jane.doe.24", "too similar"},
        {"JaneDoe2026", "too similar"},
        {"example.com!", "too similar"},
        {"correct horse battery", NULL},
        {"kV7-mountain-rails", NULL},
        {"ёжик в тумане", NULL},
        {"janitor-closet-99", NULL},
    };
    char longest[PASSWORD_LENGTH_MAX + 2];
    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        why[0] = '\0';
        int err = password_check(rows[i].password, user, why, sizeof(why));
        if (rows[i].message == NULL && err != 0)
            fail_msg("%s: %s", rows[i].password, why);
        if (rows[i].message != NULL && (err != -EINVAL || strstr(why, rows[i].message) == NULL))
            fail_msg("%s: %d %s", rows[i].password, err, why);
    }
    for (size_t i = 0; i < sizeof(longest) - 1; i++)
        longest[i] = (char)('a' + i * i % 23);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(password_check(longest, user, why, sizeof(why)), -EINVAL);
    longest[PASSWORD_LENGTH_MAX] = '\0';
    assert_int_equal(password_check(longest, user, why, sizeof(why)), 0);
    assert_int_equal(password_check("JaneDoe2026", NULL, why, sizeof(why)), 0);
}

/* --- keys --- */

static void test_keys_refused(void **state)
{
    static const char *const weak[] = {
        "",
        "secret",
        "0123456789012345678901234567890123456789",
        "0123456789abcdef0123456789abcdef",                                 /* 128 bits at most */
        "deadbeefcafe0123deadbeefcafe0123deadbeefcafe0123deadbeefcafe0123", /* repeats itself */
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
        "kLr9Xo2cVtq8bWz5NfYh1uJm4sGd7eRp", /* 32 characters are 24 bytes */
    };
    (void)state;
    for (size_t i = 0; i < LEN(weak); i++) {
        assert_int_equal(keyring_check_key(weak[i], why, sizeof(why)), -EINVAL);
        assert_non_null(strstr(why, "openssl rand"));
    }
    assert_int_equal(keyring_check_key(KEY_A, why, sizeof(why)), 0);
    assert_int_equal(
        keyring_check_key("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", why, sizeof(why)), 0);
    assert_int_equal(keyring_check_fallbacks("", why, sizeof(why)), 0);
    assert_int_equal(keyring_check_fallbacks(KEY_A "," KEY_B, why, sizeof(why)), 0);
    assert_int_equal(keyring_check_fallbacks(KEY_A ",short", why, sizeof(why)), -EINVAL);
}

static struct keyring *keyring(const char *key, const char *fallbacks)
{
    struct keyring *k = NULL;
    assert_int_equal(keyring_new(key, fallbacks, &k, why, sizeof(why)), 0);
    return k;
}

/* What a former key sealed, signed or made still holds; what a dropped one did does not. */
static void test_rotation(void **state)
{
    struct keyring *old = keyring(KEY_A, ""), *both = keyring(KEY_B, KEY_A), *new = keyring(KEY_B, "");
    struct jwt_claims claims = {.type = JWT_ACCESS, .user_id = 7, .ver = 2, .iat = 100, .exp = 200, .mfa = true}, got;
    char csrf[CSRF_SIZE], *token = NULL;
    void *sealed = NULL, *plain = NULL;
    size_t sealed_len, len;
    int stale = 0;
    (void)state;

    assert_int_equal(jwt_sign(old, &claims, &token), 0);
    assert_int_equal(jwt_open(both, token, strlen(token), 150, &got), 0);
    assert_true(got.user_id == 7 && got.ver == 2 && got.mfa && got.type == JWT_ACCESS);
    assert_int_equal(jwt_open(new, token, strlen(token), 150, &got), -EKEYREJECTED);
    assert_int_equal(jwt_open(both, token, strlen(token), 200, &got), -EKEYEXPIRED);
    free(token);

    assert_int_equal(seal(old, KEY_TOTP, "seed", 4, &sealed, &sealed_len), 0);
    assert_int_equal(seal_open(both, KEY_TOTP, sealed, sealed_len, &plain, &len, &stale), 0);
    assert_true(stale == 1 && len == 4 && memcmp(plain, "seed", 4) == 0);
    free(plain);
    assert_int_equal(seal_open(new, KEY_TOTP, sealed, sealed_len, &plain, &len, &stale), -EKEYREJECTED);
    assert_int_equal(seal_open(old, KEY_UPLOAD_TOKEN, sealed, sealed_len, &plain, &len, &stale), -EKEYREJECTED);
    ((unsigned char *)sealed)[sealed_len - 1] ^= 1;
    assert_int_equal(seal_open(old, KEY_TOTP, sealed, sealed_len, &plain, &len, &stale), -EKEYREJECTED);
    free(sealed);

    assert_int_equal(csrf_make(old, "hash", csrf), 0);
    assert_true(csrf_holds(both, "hash", csrf, strlen(csrf)));
    assert_false(csrf_holds(new, "hash", csrf, strlen(csrf)));
    assert_false(csrf_holds(both, "hasH", csrf, strlen(csrf)));
    assert_false(csrf_holds(both, "hash", csrf, strlen(csrf) - 1));
    keyring_free(old);
    keyring_free(both);
    keyring_free(new);
}

static void test_access_tokens(void **state)
{
    char a[ACCESS_TOKEN_SIZE], b[ACCESS_TOKEN_SIZE], hash[OPAQUE_HASH_SIZE], again[OPAQUE_HASH_SIZE];
    (void)state;
    access_token_make(a, hash);
    access_token_make(b, again);
    assert_string_not_equal(a, b);
    assert_true(access_token_is_one(a, strlen(a)));
    assert_false(access_token_is_one("lcp", 3));
    opaque_hash(a, strlen(a), again);
    assert_string_equal(hash, again);
    assert_int_equal(strlen(hash), 64);
}

/* --- slowing down, without Redis --- */

static void test_throttle(void **state)
{
    struct throttle *t = throttle_new(NULL, 0, 3);
    const struct throttle_try here = {.account = "ann", .address = "192.0.2.1"};
    const struct throttle_try elsewhere = {.account = "ann", .address = "192.0.2.2"};
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(throttle_take(t, &here), 0);
    int64_t wait = throttle_take(t, &here);
    assert_true(wait > 0 && wait <= 1000);
    assert_int_equal(throttle_take(t, &elsewhere), 0);
    throttle_give(t, &here, false);
    assert_int_equal(throttle_take(t, &here), 0);
    throttle_give(t, &here, true);
    for (int i = 0; i < 3; i++)
        assert_int_equal(throttle_take(t, &here), 0);
    assert_true(throttle_take(t, &here) > 0);
    throttle_free(t);
}

static void test_throttle_networks(void **state)
{
    struct throttle *t = throttle_new(NULL, 0, 3);
    char name[16];
    const struct throttle_try try = {.account = name, .address = "2001:db8:1:2::1"};
    const struct throttle_try same_net = {.account = "last", .address = "2001:db8:1:2:ffff::"};
    const struct throttle_try other_net = {.account = "last", .address = "2001:db8:1:3::1"};
    (void)state;
    for (int i = 0; i < 3 * THROTTLE_NETWORK_TIMES; i++) {
        snprintf(name, sizeof(name), "name%d", i);
        assert_int_equal(throttle_take(t, &try), 0);
    }
    assert_true(throttle_take(t, &same_net) > 0);
    assert_int_equal(throttle_take(t, &other_net), 0);
    throttle_free(t);
}

/* However many names strangers bring, memory stays what it is and the newest counts hold. */
static void test_throttle_is_bounded(void **state)
{
    struct throttle *t = throttle_new(NULL, 0, 1);
    char name[16], address[32];
    const struct throttle_try try = {.account = name, .address = address};
    (void)state;
    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "name%d", i);
        snprintf(address, sizeof(address), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        assert_int_equal(throttle_take(t, &try), 0);
    }
    assert_true(throttle_take(t, &try) > 0);
    assert_true(throttle_is_news(t, "token", "192.0.2.1"));
    assert_false(throttle_is_news(t, "token", "192.0.2.1"));
    assert_true(throttle_is_news(t, "other", "192.0.2.1"));
    assert_true(throttle_is_news(t, "token", "192.0.2.2"));
    throttle_free(t);
}

static int set_up(void **state)
{
    (void)state;
    password_setup((size_t)8 << 20, 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc4226),           cmocka_unit_test(test_rfc6238),
        cmocka_unit_test(test_tolerance),         cmocka_unit_test(test_no_codes),
        cmocka_unit_test(test_otpauth),           cmocka_unit_test(test_qr),
        cmocka_unit_test(test_password_round),    cmocka_unit_test(test_other_cost),
        cmocka_unit_test(test_django_hashes),     cmocka_unit_test(test_password_rules),
        cmocka_unit_test(test_keys_refused),      cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_access_tokens),     cmocka_unit_test(test_throttle),
        cmocka_unit_test(test_throttle_networks), cmocka_unit_test(test_throttle_is_bounded),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
