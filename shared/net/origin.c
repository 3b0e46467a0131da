/* The check of an origin's text. It resolves no name: the address may only exist for others. */
#include "shared/net/origin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/net/address.h"

#define HOST_MAX  253 /* RFC 1035 2.3.4, as text */
#define LABEL_MAX 63

static const char host_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

static int refuse(char *why, size_t why_size, const char *reason)
{
    snprintf(why, why_size, "%s; give an address such as https://logs.example.com or http://192.0.2.1:8080", reason);
    return -EINVAL;
}

/* Length of the host at `text`, or 0 if it is none. */
static size_t host_length(const char *text)
{
    const char *end = strchr(text, ']');
    size_t len = strspn(text, host_chars), label = 0;
    struct address a;

    if (text[0] == '[') {
        if (!end || address_parse((struct span){text + 1, (size_t)(end - text) - 1}, &a) < 0 ||
            !memchr(text, ':', (size_t)(end - text)))
            return 0;
        return (size_t)(end - text) + 1;
    }
    for (size_t i = 0; i < len; i++) {
        label = text[i] == '.' ? 0 : label + 1;
        if (label > LABEL_MAX || (label == 0 && (i == 0 || text[i - 1] == '.')))
            return 0;
    }
    return len <= HOST_MAX && label > 0 ? len : 0;
}

/* Length of `:port` at `text`; 0 if there is none or it is wrong. */
static size_t port_length(const char *text)
{
    size_t digits = strspn(text + 1, "0123456789");
    unsigned port = 0;

    if (digits == 0 || digits > 5 || text[1] == '0')
        return 0;
    for (size_t i = 1; i <= digits; i++)
        port = port * 10 + (unsigned)(text[i] - '0');
    return port <= 65535 ? digits + 1 : 0;
}

int origin_check(const char *value, char *why, size_t why_size)
{
    const char *rest = value;
    size_t len;

    if (strncmp(value, "https://", 8) == 0)
        rest += 8;
    else if (strncmp(value, "http://", 7) == 0)
        rest += 7;
    else
        return refuse(why, why_size, "it does not begin with http:// or https://");
    if (strchr(rest, '@'))
        return refuse(why, why_size, "a user has no place in it");
    len = host_length(rest);
    if (len == 0)
        return refuse(why, why_size, "it has no host, or one that is not written in ASCII letters, digits, - and .");
    rest += len;
    if (*rest == ':') {
        len = port_length(rest);
        if (len == 0)
            return refuse(why, why_size, "the port is not a number from 1 to 65535 (IPv6 addresses stand in brackets)");
        rest += len;
    }
    if (strcmp(rest, "") != 0 && strcmp(rest, "/") != 0)
        return refuse(why, why_size, "something follows host and port: a path, query or fragment has no place in it");
    return 0;
}
