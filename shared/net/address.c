/* IP addresses between their texts, the kernel's structures and our 16 bytes. Nothing here resolves a name. */
#include "shared/net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static void set_v4(struct address *a, const void *four)
{
    memcpy(a->bytes, mapped, sizeof(mapped));
    memcpy(a->bytes + sizeof(mapped), four, 4);
}

int address_parse(struct span text, struct address *out)
{
    char copy[ADDRESS_TEXT_SIZE];
    struct in_addr v4;

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len))
        return -EINVAL;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        set_v4(out, &v4);
        return 0;
    }
    return inet_pton(AF_INET6, copy, out->bytes) == 1 ? 0 : -EINVAL;
}

int address_of_peer(const struct sockaddr *peer, struct address *out)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    switch (peer->sa_family) {
    case AF_INET:
        memcpy(&v4, peer, sizeof(v4));
        set_v4(out, &v4.sin_addr);
        return 0;
    case AF_INET6:
        memcpy(&v6, peer, sizeof(v6));
        memcpy(out->bytes, &v6.sin6_addr, sizeof(out->bytes));
        return 0;
    default:
        return -EAFNOSUPPORT;
    }
}

bool address_is_v4(const struct address *a)
{
    return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

void address_text(const struct address *a, char out[ADDRESS_TEXT_SIZE])
{
    if (address_is_v4(a))
        inet_ntop(AF_INET, a->bytes + sizeof(mapped), out, ADDRESS_TEXT_SIZE);
    else
        inet_ntop(AF_INET6, a->bytes, out, ADDRESS_TEXT_SIZE);
}

void address_net_of(const char *text, char out[ADDRESS_NET_SIZE])
{
    struct address a;
    char base[ADDRESS_TEXT_SIZE];
    bool v4;

    if (address_parse((struct span){text, strlen(text)}, &a) < 0) {
        snprintf(out, ADDRESS_NET_SIZE, "%s", text);
        return;
    }
    v4 = address_is_v4(&a);
    if (!v4)
        memset(a.bytes + 8, 0, 8); /* a subscriber has a /64 at least (RFC 6177) */
    address_text(&a, base);
    snprintf(out, ADDRESS_NET_SIZE, "%s/%d", base, v4 ? 32 : 64);
}

void address_where(int fd, char *out, size_t size)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } at = {.any.sa_family = AF_UNSPEC};
    socklen_t len = sizeof(at);
    char host[INET6_ADDRSTRLEN] = "";

    (void)getsockname(fd, &at.any, &len);
    if (at.any.sa_family == AF_INET && inet_ntop(AF_INET, &at.v4.sin_addr, host, sizeof(host)) != NULL)
        snprintf(out, size, "%s:%u", host, ntohs(at.v4.sin_port));
    else if (at.any.sa_family == AF_INET6 && inet_ntop(AF_INET6, &at.v6.sin6_addr, host, sizeof(host)) != NULL)
        snprintf(out, size, "[%s]:%u", host, ntohs(at.v6.sin6_port));
    else
        snprintf(out, size, "unix:%.*s", (int)sizeof(at.local.sun_path) - 1, at.local.sun_path);
}

const char *address_socket_advice(int err)
{
    switch (err) {
    case -ENOENT:
    case -ENOTDIR:
        return "its directory does not exist: make it, or name another place";
    case -EACCES:
    case -EPERM:
        return "this user may not write in its directory: let it, or name another place";
    case -EROFS:
        return "its directory is on a read-only file system: name another place";
    case -EADDRINUSE: /* what was not ours to remove */
        return "something else has this name: remove it, or name another place";
    default:
        return strerrordesc_np(-err);
    }
}

const char *address_listen_advice(int err)
{
    switch (err) {
    case -EADDRINUSE:
        return "another process listens there already: stop it, or give another address";
    case -EADDRNOTAVAIL:
        return "this machine has no such address: give one of its own, or 0.0.0.0 for all";
    case -EACCES:
        return "this user may not take a port below 1024: give a higher one, or the capability CAP_NET_BIND_SERVICE";
    default:
        return strerrordesc_np(-err);
    }
}
