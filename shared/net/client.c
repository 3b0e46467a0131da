/* The walk through X-Forwarded-For from the right. It trusts nothing but the list it is given. */
#include "shared/net/client.h"

#include <stdio.h>
#include <string.h>

static bool is_digits(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
    }
    return s.len > 0 && s.len <= 5;
}

/* Without brackets and port. An IPv6 address without brackets has no port: it could not be told from one. */
static struct span strip_port(struct span hop)
{
    const char *colon = memchr(hop.data, ':', hop.len);
    const char *end;
    struct span port;

    if (hop.len > 0 && hop.data[0] == '[') {
        end = memchr(hop.data, ']', hop.len);
        if (!end)
            return hop;
        port = (struct span){end + 1, hop.len - (size_t)(end + 1 - hop.data)};
        if (port.len == 0 || (port.data[0] == ':' && is_digits((struct span){port.data + 1, port.len - 1})))
            return (struct span){hop.data + 1, (size_t)(end - hop.data) - 1};
        return hop;
    }
    if (!colon || memrchr(hop.data, ':', hop.len) != colon)
        return hop;
    port = (struct span){colon + 1, hop.len - (size_t)(colon + 1 - hop.data)};
    return is_digits(port) ? (struct span){hop.data, (size_t)(colon - hop.data)} : hop;
}

/* Takes the last element off a comma-separated list. */
static struct span take_last(struct span *list)
{
    const char *comma = memrchr(list->data, ',', list->len);
    const char *start = comma ? comma + 1 : list->data;
    struct span last = {start, list->len - (size_t)(start - list->data)};

    list->len = comma ? (size_t)(comma - list->data) : 0;
    while (last.len > 0 && (last.data[0] == ' ' || last.data[0] == '\t')) {
        last.data++;
        last.len--;
    }
    while (last.len > 0 && (last.data[last.len - 1] == ' ' || last.data[last.len - 1] == '\t'))
        last.len--;
    return last;
}

/* One field's hops from the right into `out`; whether the walk goes on in the field before. */
static bool walk_field(const struct cidr_list *trusted, struct span field, char out[ADDRESS_TEXT_SIZE])
{
    while (field.len > 0) {
        struct span hop = take_last(&field);
        struct address a;

        if (hop.len == 0)
            continue; /* an empty element of a list is none (RFC 9110 5.6.1.2) */
        if (address_parse(strip_port(hop), &a) < 0)
            return false;
        address_text(&a, out);
        if (!cidr_list_has(trusted, &a))
            return false;
    }
    return true;
}

void client_address(const struct cidr_list *trusted, const char *peer, const struct span *forwarded, size_t count,
                    char out[ADDRESS_TEXT_SIZE])
{
    struct address a;
    bool walk;

    if (address_parse((struct span){peer, strlen(peer)}, &a) == 0) {
        address_text(&a, out);
        walk = cidr_list_has(trusted, &a);
    } else {
        snprintf(out, ADDRESS_TEXT_SIZE, "%s", peer);
        walk = cidr_list_has_unix(trusted);
    }
    while (walk && count > 0)
        walk = walk_field(trusted, forwarded[--count], out);
}
