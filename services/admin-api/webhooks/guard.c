/* The networks that are not the public internet's, as RFC 6890 and its registries list them; see guard.h. */
#include "services/admin-api/webhooks/guard.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Forms of IPv6 that carry an IPv4 address (NAT64, 6to4, Teredo, compatible) could reach a private one through it. */
static const char reserved[] =
    "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.0.0.0/24, 192.0.2.0/24, "
    "192.88.99.0/24, 192.168.0.0/16, 198.18.0.0/15, 198.51.100.0/24, 203.0.113.0/24, 224.0.0.0/4, 240.0.0.0/4, "
    "::/96, 64:ff9b::/96, 64:ff9b:1::/48, 100::/64, 2001::/23, 2001:db8::/32, 2002::/16, 3fff::/20, 5f00::/16, "
    "fc00::/7, fe80::/10, fec0::/10, ff00::/8";

struct guard {
    struct cidr_list *reserved, *allowed;
};

int guard_new(const char *allowed, struct guard **out, char *why, size_t why_size)
{
    struct guard *g = calloc(1, sizeof(*g));
    int err = g == NULL ? -ENOMEM : cidr_list_parse(reserved, &g->reserved, why, why_size);
    if (err == 0)
        err = cidr_list_parse(allowed, &g->allowed, why, why_size);
    if (err < 0) {
        guard_free(g);
        return err;
    }
    *out = g;
    return 0;
}

void guard_free(struct guard *g)
{
    if (g == NULL)
        return;
    cidr_list_free(g->reserved);
    cidr_list_free(g->allowed);
    free(g);
}

bool guard_allows(const struct guard *g, const struct sockaddr *to)
{
    struct address a;
    if (address_of_peer(to, &a) < 0)
        return false;
    return cidr_list_has(g->allowed, &a) || !cidr_list_has(g->reserved, &a);
}

static bool has_part(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    bool there = curl_url_get(u, part, &text, 0) == CURLUE_OK && text != NULL && text[0] != '\0';
    curl_free(text);
    return there;
}

static bool is_http(CURLU *u)
{
    char *scheme = NULL;
    bool is = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    return is;
}

int guard_check_url(const char *url, char *why, size_t why_size)
{
    const char *wrong = NULL;
    CURLU *u = curl_url();

    if (u == NULL)
        return -ENOMEM;
    for (const char *at = url; *at != '\0' && wrong == NULL; ++at)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
            wrong = "Give an address of printable ASCII: percent-encode the rest, and xn-- forms of host names.";
    if (wrong == NULL && (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK || !is_http(u) ||
                          !has_part(u, CURLUPART_HOST)))
        wrong = "Give an http:// or https:// address, such as https://desk.example.com/hooks/logs.";
    if (wrong == NULL && (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD)))
        wrong = "Leave user and password out: receivers know us by the signature.";
    if (wrong == NULL && has_part(u, CURLUPART_FRAGMENT))
        wrong = "Leave the part behind # out: it is never sent.";
    curl_url_cleanup(u);
    if (wrong != NULL)
        snprintf(why, why_size, "%s", wrong);
    return wrong == NULL ? 0 : -EINVAL;
}
