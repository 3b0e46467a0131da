/* Web hooks without a network: which addresses are public, what an address may look like, the signature. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "services/admin-api/webhooks/guard.h"
#include "services/admin-api/webhooks/send.h"

static bool allows(const struct guard *g, const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return guard_allows(g, (const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return guard_allows(g, (const struct sockaddr *)&v6);
}

static void public_addresses_alone(void **state)
{
    static const char *const open[] = {"1.1.1.1",         "8.8.8.8",      "9.255.255.255", "11.0.0.0",
                                       "100.63.255.255",  "100.128.0.0",  "126.0.0.1",     "128.0.0.1",
                                       "172.15.255.255",  "172.32.0.0",   "192.167.0.1",   "192.169.0.0",
                                       "223.255.255.255", "2606:4700::1", "2a00:1450::1",  "::ffff:8.8.8.8"};
    static const char *const shut[] = {"0.0.0.0",
                                       "10.0.0.0",
                                       "10.255.255.255",
                                       "100.64.0.1",
                                       "127.0.0.1",
                                       "127.255.255.1",
                                       "169.254.169.254",
                                       "172.16.0.1",
                                       "172.31.9.9",
                                       "192.168.0.1",
                                       "224.0.0.1",
                                       "255.255.255.255",
                                       "::",
                                       "::1",
                                       "::ffff:10.0.0.1",
                                       "::ffff:127.0.0.1",
                                       "::127.0.0.1",
                                       "64:ff9b::a00:1",
                                       "2002:a00:1::",
                                       "2001::1",
                                       "fc00::1",
                                       "fd12::1",
                                       "fe80::1",
                                       "ff02::1"};
    struct guard *g;
    char why[128];
    (void)state;
    assert_int_equal(guard_new("", &g, why, sizeof(why)), 0);
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); ++i)
        if (!allows(g, open[i]))
            fail_msg("%s is public", open[i]);
    for (size_t i = 0; i < sizeof(shut) / sizeof(shut[0]); ++i)
        if (allows(g, shut[i]))
            fail_msg("%s is not public", shut[i]);
    const struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(guard_allows(g, &local));
    guard_free(g);
}

static void what_an_operator_allows(void **state)
{
    struct guard *g;
    char why[128];
    (void)state;
    assert_int_equal(guard_new("10.1.0.0/16, fd00::/8", &g, why, sizeof(why)), 0);
    assert_true(allows(g, "10.1.2.3"));
    assert_true(allows(g, "::ffff:10.1.2.3"));
    assert_false(allows(g, "10.2.0.1"));
    assert_true(allows(g, "fd00::1"));
    assert_false(allows(g, "fc00::1"));
    assert_true(allows(g, "1.1.1.1"));
    guard_free(g);
    assert_true(guard_new("10.1.0.1/16", &g, why, sizeof(why)) < 0);
}

static void forms_of_addresses(void **state)
{
    static const char *const good[] = {"http://example.com", "https://example.com:8443/a?b=c", "http://[2001:db8::1]/",
                                       "HTTPS://EXAMPLE.com/%20"};
    static const char *const bad[] = {"",
                                      "example.com",
                                      "http://",
                                      "gopher://a/",
                                      "http://a@b/",
                                      "http://a/#b",
                                      "http://a b/",
                                      "http://a/\xc3\xa4",
                                      "//a/",
                                      "http:/\t/a"};
    char why[160];
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); ++i)
        if (guard_check_url(good[i], why, sizeof(why)) < 0)
            fail_msg("%s: %s", good[i], why);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i)
        if (guard_check_url(bad[i], why, sizeof(why)) == 0)
            fail_msg("%s was taken", bad[i]);
}

/* printf '1732464000.{"id":1}' | openssl dgst -sha256 -hmac 'a secret of sixteen' */
static void signature_of_a_known_body(void **state)
{
    static const char body[] = "{\"id\":1}";
    char out[SEND_SIGNATURE_SIZE];
    (void)state;
    assert_int_equal(send_signature("a secret of sixteen", 1732464000, body, strlen(body), out), 0);
    assert_string_equal(out, "v1=c95a23a178d65eeb5f070abc869a61641036f76016d35a92650c72a77a0ec041");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_addresses_alone),
        cmocka_unit_test(what_an_operator_allows),
        cmocka_unit_test(forms_of_addresses),
        cmocka_unit_test(signature_of_a_known_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
