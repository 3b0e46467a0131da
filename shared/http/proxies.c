/* Trusted proxies; see proxies.h. IPv4 is kept as IPv4-mapped IPv6, so that there is one comparison. */
#include "shared/http/proxies.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct net {
    unsigned char address[16];
    unsigned bits;
};

struct proxies {
    size_t count;
    struct net nets[];
};

static bool parse_address(struct span text, unsigned char out[16], bool *v4)
{
    char buf[INET6_ADDRSTRLEN];
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (text.len == 0 || text.len >= sizeof(buf))
        return false;
    memcpy(buf, text.data, text.len);
    buf[text.len] = '\0';
    *v4 = inet_pton(AF_INET, buf, out + 12) == 1;
    if (*v4)
        memcpy(out, mapped, sizeof(mapped));
    return *v4 || inet_pton(AF_INET6, buf, out) == 1;
}

static bool parse_net(struct span text, struct net *out)
{
    const char *slash = memchr(text.data, '/', text.len);
    size_t len = slash == NULL ? text.len : (size_t)(slash - text.data);
    unsigned bits = 0;
    bool v4;

    if (!parse_address((struct span){text.data, len}, out->address, &v4))
        return false;
    out->bits = 128;
    if (slash == NULL)
        return true;
    size_t digits = text.len - len - 1;
    if (digits == 0 || digits > 3)
        return false;
    for (size_t i = 0; i < digits; ++i) {
        if (slash[1 + i] < '0' || slash[1 + i] > '9')
            return false;
        bits = bits * 10 + (unsigned)(slash[1 + i] - '0');
    }
    out->bits = v4 ? bits + 96 : bits;
    return bits <= (v4 ? 32 : 128);
}

static struct span trimmed(struct span s)
{
    while (s.len > 0 && (*s.data == ' ' || *s.data == '\t'))
        ++s.data, --s.len;
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
        --s.len;
    return s;
}

int proxies_new(const char *text, struct proxies **out, char *why, size_t why_size)
{
    size_t most = 1;
    for (const char *c = text; *c != '\0'; ++c)
        most += *c == ',';
    struct proxies *p = calloc(1, sizeof(*p) + most * sizeof(p->nets[0]));
    if (p == NULL)
        return -ENOMEM;
    for (const char *at = text;; ++at) {
        size_t len = strcspn(at, ",");
        struct span one = trimmed((struct span){at, len});
        if (one.len > 0 && !parse_net(one, p->nets + p->count++)) {
            snprintf(why, why_size, "%.*s is no address or network such as 10.0.0.0/8 or fd00::/8",
                     (int)(one.len < 64 ? one.len : 64), one.data);
            free(p);
            return -EINVAL;
        }
        at += len;
        if (*at == '\0')
            break;
    }
    *out = p;
    return 0;
}

void proxies_free(struct proxies *p)
{
    free(p);
}

int proxies_check(const char *value, char *why, size_t why_size)
{
    struct proxies *p = NULL;
    int err = proxies_new(value, &p, why, why_size);
    proxies_free(p);
    return err;
}

static bool is_within(const struct net *net, const unsigned char address[16])
{
    unsigned whole = net->bits / 8, rest = net->bits % 8;
    if (memcmp(net->address, address, whole) != 0)
        return false;
    return rest == 0 || ((net->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

static bool trusts(const struct proxies *p, struct span text)
{
    unsigned char address[16];
    bool v4;
    if (!parse_address(text, address, &v4))
        return false;
    for (size_t i = 0; i < p->count; ++i)
        if (is_within(p->nets + i, address))
            return true;
    return false;
}

bool proxies_trusts(const struct proxies *p, const char *address)
{
    return trusts(p, (struct span){address, strlen(address)});
}

void proxies_client(const struct proxies *p, const char *peer, struct span forwarded, char *out, size_t size)
{
    unsigned char address[16];
    struct span client = {peer, strlen(peer)};
    size_t end = forwarded.data == NULL ? 0 : forwarded.len;
    bool v4;

    while (end > 0 && trusts(p, client)) {
        size_t start = end;
        while (start > 0 && forwarded.data[start - 1] != ',')
            --start;
        struct span hop = trimmed((struct span){forwarded.data + start, end - start});
        if (!parse_address(hop, address, &v4))
            break;
        client = hop;
        end = start > 0 ? start - 1 : 0;
    }
    snprintf(out, size, "%.*s", (int)client.len, client.data);
}
