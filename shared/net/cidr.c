/* Lists of networks, parsed strictly: a network with host bits set is refused, for it hides a slip. */
#include "shared/net/cidr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAPPED_BITS 96 /* of an IPv4 address in its IPv6 form */

struct cidr {
    struct address base;
    unsigned prefix; /* of 128 bits */
};

struct cidr_list {
    bool has_unix;
    size_t count;
    struct cidr nets[];
};

static struct span trim(struct span s)
{
    while (s.len > 0 && s.data[0] == ' ') {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && s.data[s.len - 1] == ' ')
        s.len--;
    return s;
}

/* The bits after the prefix cleared. */
static void mask(struct address *a, unsigned prefix)
{
    for (unsigned i = 0; i < sizeof(a->bytes); i++) {
        unsigned kept = prefix > 8 * i ? prefix - 8 * i : 0;

        a->bytes[i] = (unsigned char)(a->bytes[i] & (kept >= 8 ? 0xff : 0xff00u >> kept));
    }
}

/* The number after the slash: 0 to `most`, without sign or leading zeros; -1 if it is not. */
static int read_prefix(struct span s, unsigned most)
{
    unsigned value = 0;

    if (s.len == 0 || s.len > 3 || (s.len > 1 && s.data[0] == '0'))
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return -1;
        value = value * 10 + (unsigned)(s.data[i] - '0');
    }
    return value <= most ? (int)value : -1;
}

static int refuse_host_bits(const struct cidr *net, unsigned shown_prefix, char *why, size_t why_size)
{
    struct address base = net->base;
    char text[ADDRESS_TEXT_SIZE];

    mask(&base, net->prefix);
    address_text(&base, text);
    snprintf(why, why_size, "an address has bits beyond its prefix; give %s/%u, or the address alone", text,
             shown_prefix);
    return -EINVAL;
}

static int parse_net(struct span item, struct cidr *out, char *why, size_t why_size)
{
    const char *slash = memchr(item.data, '/', item.len);
    struct span host = {item.data, slash ? (size_t)(slash - item.data) : item.len};
    unsigned offset, bits;
    struct address base;
    int prefix;

    if (address_parse(host, &out->base) < 0) {
        snprintf(why, why_size, "\"%.*s\" is no network; give CIDRs such as 10.0.0.0/8 or 2001:db8::/32, or unix",
                 (int)(item.len < 64 ? item.len : 64), item.data);
        return -EINVAL;
    }
    /* The prefix counts the bits of the family as written, ::ffff:10.0.0.0/104 too. */
    offset = memchr(host.data, ':', host.len) ? 0 : MAPPED_BITS;
    bits = 128 - offset;
    prefix = slash ? read_prefix((struct span){slash + 1, item.len - host.len - 1}, bits) : (int)bits;
    if (prefix < 0) {
        snprintf(why, why_size, "\"%.*s\" has no prefix from 0 to %u after its slash",
                 (int)(item.len < 64 ? item.len : 64), item.data, bits);
        return -EINVAL;
    }
    out->prefix = offset + (unsigned)prefix;
    base = out->base;
    mask(&base, out->prefix);
    if (memcmp(&base, &out->base, sizeof(base)) != 0)
        return refuse_host_bits(out, (unsigned)prefix, why, why_size);
    return 0;
}

static int parse_item(struct span item, struct cidr_list *list, char *why, size_t why_size)
{
    if (item.len == 0) {
        snprintf(why, why_size,
                 "an element of the list is empty; give CIDRs such as 10.0.0.0/8, with one comma between");
        return -EINVAL;
    }
    if (item.len == 4 && memcmp(item.data, "unix", 4) == 0) {
        list->has_unix = true;
        return 0;
    }
    return parse_net(item, &list->nets[list->count++], why, why_size);
}

int cidr_list_parse(const char *text, struct cidr_list **out, char *why, size_t why_size)
{
    struct cidr_list *list;
    size_t items = 1;
    int err = 0;

    for (const char *c = text; *c; c++)
        items += *c == ',';
    list = calloc(1, sizeof(*list) + items * sizeof(list->nets[0]));
    if (!list) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    for (const char *rest = text, *end; !err && *text; rest = end + 1) {
        end = strchrnul(rest, ',');
        err = parse_item(trim((struct span){rest, (size_t)(end - rest)}), list, why, why_size);
        if (*end == '\0')
            break;
    }
    if (err) {
        free(list);
        return err;
    }
    *out = list;
    return 0;
}

void cidr_list_free(struct cidr_list *list)
{
    free(list);
}

static bool cidr_has(const struct cidr *net, const struct address *a)
{
    struct address masked = *a;

    if (address_is_v4(a) && net->prefix < MAPPED_BITS)
        return false;
    mask(&masked, net->prefix);
    return memcmp(&masked, &net->base, sizeof(masked)) == 0;
}

bool cidr_list_has(const struct cidr_list *list, const struct address *a)
{
    for (size_t i = 0; list && i < list->count; i++) {
        if (cidr_has(&list->nets[i], a))
            return true;
    }
    return false;
}

bool cidr_list_has_unix(const struct cidr_list *list)
{
    return list && list->has_unix;
}

int cidr_list_check(const char *value, char *why, size_t why_size)
{
    struct cidr_list *list = NULL;
    int err = cidr_list_parse(value, &list, why, why_size);

    cidr_list_free(list);
    return err ? -EINVAL : 0;
}
