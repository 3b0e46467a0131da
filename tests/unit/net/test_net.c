/* Addresses, lists of networks, the client behind proxies, and public addresses in configuration. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "shared/net/client.h"
#include "shared/net/origin.h"

#define SPAN(s) ((struct span){(s), sizeof(s) - 1})
#define LEN(a)  (sizeof(a) / sizeof((a)[0]))

static char why[256];

static int parse(const char *text, struct address *out)
{
    return address_parse((struct span){text, strlen(text)}, out);
}

static void test_address_spellings(void **state)
{
    static const char *const spellings[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:c000:0201", "192.0.2.1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"::1", "::1"},
        {"::", "::"},
    };
    char text[ADDRESS_TEXT_SIZE];
    struct address a;

    (void)state;
    for (size_t i = 0; i < LEN(spellings); i++) {
        assert_int_equal(parse(spellings[i][0], &a), 0);
        address_text(&a, text);
        assert_string_equal(text, spellings[i][1]);
    }
}

static void test_address_refused(void **state)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "1.2.3",
                                        "1.2.3.256",
                                        "01.2.3.4",
                                        "1.2.3.4 ",
                                        "1.2.3.4/8",
                                        "[::1]",
                                        "::1%lo",
                                        "localhost",
                                        "1.2.3.4:80",
                                        "::g",
                                        "1:2:3:4:5:6:7:8:9",
                                        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
    struct address a;

    (void)state;
    for (size_t i = 0; i < LEN(texts); i++)
        assert_int_equal(parse(texts[i], &a), -EINVAL);
    assert_int_equal(address_parse(SPAN("1.2.3.4\0"), &a), -EINVAL);
}

static void test_address_of_peer(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    char text[ADDRESS_TEXT_SIZE];
    struct address a;

    (void)state;
    inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
    assert_int_equal(address_of_peer((struct sockaddr *)&v4, &a), 0);
    address_text(&a, text);
    assert_string_equal(text, "192.0.2.1");
    inet_pton(AF_INET6, "::ffff:192.0.2.1", &v6.sin6_addr);
    assert_int_equal(address_of_peer((struct sockaddr *)&v6, &a), 0);
    assert_true(address_is_v4(&a));
    inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
    assert_int_equal(address_of_peer((struct sockaddr *)&v6, &a), 0);
    assert_false(address_is_v4(&a));
    assert_int_equal(address_of_peer((struct sockaddr *)&local, &a), -EAFNOSUPPORT);
}

static void assert_net_of(const char *text, const char *expected)
{
    char net[ADDRESS_NET_SIZE];

    address_net_of(text, net);
    assert_string_equal(net, expected);
}

static void test_net_of(void **state)
{
    (void)state;
    assert_net_of("192.0.2.1", "192.0.2.1/32");
    assert_net_of("::ffff:192.0.2.1", "192.0.2.1/32");
    assert_net_of("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
    assert_net_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::/64");
    assert_net_of("::1", "::/64");
    assert_net_of("unix", "unix");
}

static bool list_has(const char *text, const char *address)
{
    struct cidr_list *list = NULL;
    struct address a;
    bool has;

    assert_int_equal(parse(address, &a), 0);
    if (cidr_list_parse(text, &list, why, sizeof(why)) != 0)
        fail_msg("%s: %s", text, why);
    has = cidr_list_has(list, &a);
    cidr_list_free(list);
    return has;
}

static void test_cidr(void **state)
{
    (void)state;
    assert_true(list_has("10.0.0.0/8", "10.255.0.1"));
    assert_false(list_has("10.0.0.0/8", "11.0.0.1"));
    assert_true(list_has("10.0.0.0/8", "::ffff:10.0.0.1"));
    assert_true(list_has("::ffff:10.0.0.0/104", "10.0.0.1"));
    assert_true(list_has("192.0.2.128/25", "192.0.2.128"));
    assert_false(list_has("192.0.2.128/25", "192.0.2.127"));
    assert_true(list_has("192.0.2.1", "192.0.2.1"));
    assert_false(list_has("192.0.2.1", "192.0.2.2"));
    assert_true(list_has("0.0.0.0/0", "203.0.113.9"));
    assert_false(list_has("0.0.0.0/0", "2001:db8::1"));
    assert_true(list_has("::/0", "2001:db8::1"));
    assert_false(list_has("::/0", "192.0.2.1"));
    assert_true(list_has("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(list_has("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(list_has("2001:db8::1", "2001:db8::1"));
    assert_true(list_has(" 10.0.0.0/8 , fd00::/8 ,unix", "fd12::1"));
    assert_false(list_has("", "10.0.0.1"));
    assert_false(list_has("unix", "10.0.0.1"));
    assert_false(cidr_list_has(NULL, &(struct address){{0}}));
    assert_false(cidr_list_has_unix(NULL));
}

static void test_cidr_refused(void **state)
{
    static const char *const lists[][2] = {
        {"10.0.0.1/8", "give 10.0.0.0/8"},
        {"2001:db8::1/32", "give 2001:db8::/32"},
        {"10.0.0.0/33", "0 to 32"},
        {"fd00::/129", "0 to 128"},
        {"10.0.0.0/", "0 to 32"},
        {"10.0.0.0/-1", "0 to 32"},
        {"10.0.0.0/08", "0 to 32"},
        {"10.0.0.0/8/8", "0 to 32"},
        {"10.0.0.0/8 0", "0 to 32"},
        {"10.0.0.0/99999999999", "0 to 32"},
        {"proxy.example.com", "\"proxy.example.com\" is no network"},
        {"10.0.0.0/8 fd00::/8", "0 to 32"},
        {"10.0.0.0/8;fd00::/8", "0 to 32"},
        {"*", "\"*\" is no network"},
        {"10.0.0.0/8,,fd00::/8", "is empty"},
        {"10.0.0.0/8,", "is empty"},
        {",", "is empty"},
        {" ", "is empty"},
        {"Unix", "is no network"},
    };

    (void)state;
    for (size_t i = 0; i < LEN(lists); i++) {
        assert_int_equal(cidr_list_check(lists[i][0], why, sizeof(why)), -EINVAL);
        if (!strstr(why, lists[i][1]))
            fail_msg("%s: %s", lists[i][0], why);
    }
    assert_int_equal(cidr_list_check("10.0.0.0/8", why, sizeof(why)), 0);
}

static void assert_client(const char *trusted, const char *peer, const char *first, const char *second,
                          const char *expected)
{
    struct span fields[2] = {{first, first ? strlen(first) : 0}, {second, second ? strlen(second) : 0}};
    struct cidr_list *list = NULL;
    char out[ADDRESS_TEXT_SIZE];

    assert_int_equal(cidr_list_parse(trusted, &list, why, sizeof(why)), 0);
    client_address(list, peer, fields, second ? 2 : first ? 1 : 0, out);
    cidr_list_free(list);
    assert_string_equal(out, expected);
}

static void test_client(void **state)
{
    const char *const proxies = "10.0.0.0/8,fd00::/8";

    (void)state;
    /* No proxy trusted: the header is the client's own say. */
    assert_client("", "192.0.2.1", "203.0.113.9", NULL, "192.0.2.1");
    assert_client(proxies, "192.0.2.1", "203.0.113.9", NULL, "192.0.2.1");
    assert_client(proxies, "10.0.0.1", NULL, NULL, "10.0.0.1");
    assert_client(proxies, "10.0.0.1", "203.0.113.9", NULL, "203.0.113.9");
    assert_client(proxies, "::ffff:10.0.0.1", "203.0.113.9", NULL, "203.0.113.9");
    /* A forged hop on the left does not count; trusted hops on the right are passed. */
    assert_client(proxies, "10.0.0.1", "198.51.100.1, 203.0.113.9", NULL, "203.0.113.9");
    assert_client(proxies, "10.0.0.1", "198.51.100.1, 203.0.113.9 ,10.0.0.2,\tfd00::2", NULL, "203.0.113.9");
    assert_client(proxies, "10.0.0.1", "198.51.100.1", "203.0.113.9", "203.0.113.9");
    assert_client(proxies, "10.0.0.1", "198.51.100.1, 203.0.113.9", "10.0.0.2", "203.0.113.9");
    assert_client(proxies, "10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3");
    assert_client(proxies, "10.0.0.1", "203.0.113.9,, ,", NULL, "203.0.113.9");
    assert_client(proxies, "10.0.0.1", "", ",", "10.0.0.1");
    /* Ports and brackets. */
    assert_client(proxies, "10.0.0.1", "203.0.113.9:51234", NULL, "203.0.113.9");
    assert_client(proxies, "10.0.0.1", "[2001:db8::9]:443", NULL, "2001:db8::9");
    assert_client(proxies, "10.0.0.1", "[2001:db8::9]", NULL, "2001:db8::9");
    assert_client(proxies, "10.0.0.1", "2001:DB8::9", NULL, "2001:db8::9");
    assert_client(proxies, "10.0.0.1", "::ffff:203.0.113.9", NULL, "203.0.113.9");
}

/* What cannot be read ends the walk at the hop that said it. */
static void test_client_with_bad_hops(void **state)
{
    static const char *const hops[] = {"unknown",      "_hidden",    "203.0.113.9:",     "203.0.113.9:x",
                                       "[2001:db8::9", "[]",         "[2001:db8::9]443", "203.0.113.9:123456",
                                       "1.2.3.4 5",    "\"1.2.3.4\""};
    char field[64];

    (void)state;
    for (size_t i = 0; i < LEN(hops); i++) {
        assert_client("10.0.0.0/8", "10.0.0.1", hops[i], NULL, "10.0.0.1");
        snprintf(field, sizeof(field), "198.51.100.1, %s, 10.0.0.2", hops[i]);
        assert_client("10.0.0.0/8", "10.0.0.1", field, NULL, "10.0.0.2");
        assert_client("10.0.0.0/8", "10.0.0.1", "198.51.100.1", hops[i], "10.0.0.1");
    }
}

static void test_client_on_a_unix_socket(void **state)
{
    (void)state;
    assert_client("10.0.0.0/8", "unix", "203.0.113.9", NULL, "unix");
    assert_client("unix", "unix", "203.0.113.9", NULL, "203.0.113.9");
    assert_client("unix", "unix", NULL, NULL, "unix");
    assert_client("unix", "192.0.2.1", "203.0.113.9", NULL, "192.0.2.1");
}

static void test_origin(void **state)
{
    static const char *const good[] = {"https://logs.example.com",  "http://localhost:8080",       "https://192.0.2.1/",
                                       "https://[2001:db8::1]",     "https://[2001:db8::1]:8443/", "http://a:65535",
                                       "https://xn--80ak6aa92e.com"};

    (void)state;
    for (size_t i = 0; i < LEN(good); i++) {
        if (origin_check(good[i], why, sizeof(why)) != 0)
            fail_msg("%s: %s", good[i], why);
    }
}

static void test_origin_refused(void **state)
{
    static const char *const bad[][2] = {
        {"logs.example.com", "http:// or https://"},
        {"ftp://logs.example.com", "http:// or https://"},
        {"HTTPS://logs.example.com", "http:// or https://"},
        {" https://logs.example.com", "http:// or https://"},
        {"https://", "no host"},
        {"https:///path", "no host"},
        {"https://.", "no host"},
        {"https://a..b", "no host"},
        {"https://a.", "no host"},
        {"https://:80", "no host"},
        {"https://[2001:db8::1", "no host"},
        {"https://[]", "no host"},
        {"https://[1.2.3.4]", "no host"},
        {"https://журнал.example", "no host"},
        {"https://user:secret@logs.example.com", "a user has no place"},
        {"https://a:0", "the port"},
        {"https://a:", "the port"},
        {"https://a:65536", "the port"},
        {"https://a:080", "the port"},
        {"https://a:+80", "the port"},
        {"https://a:123456", "the port"},
        {"https://a/logs", "something follows"},
        {"https://a//", "something follows"},
        {"https://a?x", "something follows"},
        {"https://a/#x", "something follows"},
        {"https://a\"b", "something follows"},
        {"https://a'b", "something follows"},
        {"https://a b", "something follows"},
        {"https://a\\b", "something follows"},
        {"https://a:80:80", "something follows"},
        {"https://2001:db8::1", "in brackets"},
    };
    char long_host[300] = "https://";

    (void)state;
    for (size_t i = 0; i < LEN(bad); i++) {
        assert_int_equal(origin_check(bad[i][0], why, sizeof(why)), -EINVAL);
        if (!strstr(why, bad[i][1]) || !strstr(why, "give an address such as"))
            fail_msg("%s: %s", bad[i][0], why);
    }
    memset(long_host + 8, 'a', 64); /* one label too long */
    assert_int_equal(origin_check(long_host, why, sizeof(why)), -EINVAL);
    for (size_t i = 8; i < 8 + 254; i++)
        long_host[i] = i % 2 ? '.' : 'a';
    long_host[8 + 254] = 'a';
    assert_int_equal(origin_check(long_host, why, sizeof(why)), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_spellings),
        cmocka_unit_test(test_address_refused),
        cmocka_unit_test(test_address_of_peer),
        cmocka_unit_test(test_net_of),
        cmocka_unit_test(test_cidr),
        cmocka_unit_test(test_cidr_refused),
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_client_with_bad_hops),
        cmocka_unit_test(test_client_on_a_unix_socket),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_origin_refused),
    };

    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
