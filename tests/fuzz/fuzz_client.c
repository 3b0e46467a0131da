/*
 * Addresses, networks and the client behind proxies. Lines of the input: the trusted networks, the peer, then the
 * X-Forwarded-For fields. What stands left of the hop that was found never changes it.
 */
#include "shared/net/client.h"
#include "tests/fuzz/fuzz.h"

#define FIELDS 8

static void check_address(const char *text)
{
    struct address a, b;
    char again[ADDRESS_TEXT_SIZE], net[ADDRESS_NET_SIZE];
    HOLDS(strlen(text) < ADDRESS_TEXT_SIZE);
    address_net_of(text, net);
    HOLDS(strlen(net) < ADDRESS_NET_SIZE);
    if (address_parse((struct span){text, strlen(text)}, &a) < 0)
        return;
    address_text(&a, again);
    HOLDS(address_parse((struct span){again, strlen(again)}, &b) == 0 && memcmp(&a, &b, sizeof(a)) == 0);
    HOLDS(strchr(net, '/') != NULL);
}

static bool is_trusted(const struct cidr_list *trusted, const char *text)
{
    struct address a;
    if (address_parse((struct span){text, strlen(text)}, &a) < 0)
        return cidr_list_has_unix(trusted);
    return cidr_list_has(trusted, &a);
}

static void check_client(const struct cidr_list *trusted, const char *peer, char **fields, size_t count)
{
    struct span spans[FIELDS + 1];
    char out[ADDRESS_TEXT_SIZE], direct[ADDRESS_TEXT_SIZE], forged[ADDRESS_TEXT_SIZE];
    static const char forgery[] = "192.0.2.66";

    spans[0] = (struct span){forgery, strlen(forgery)};
    for (size_t i = 0; i < count; ++i)
        spans[i + 1] = (struct span){fields[i], strlen(fields[i])};
    client_address(trusted, peer, spans + 1, count, out);
    client_address(trusted, peer, NULL, 0, direct);
    client_address(trusted, peer, spans, count + 1, forged);
    check_address(out);
    HOLDS(is_trusted(trusted, peer) || strcmp(out, direct) == 0);
    HOLDS(is_trusted(trusted, out) || strcmp(out, forged) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[256] = "", *networks = take_line(&data, &size), *peer = take_line(&data, &size), *fields[FIELDS];
    struct cidr_list *trusted = NULL;
    size_t count = 0;
    int err = cidr_list_parse(networks, &trusted, why, sizeof(why));

    HOLDS(err == 0 || why[0] != '\0');
    while (size > 0 && count < FIELDS)
        fields[count++] = take_line(&data, &size);
    check_client(trusted, peer, fields, count);
    cidr_list_free(trusted);
    while (count > 0)
        free(fields[--count]);
    free(networks);
    free(peer);
    return 0;
}
