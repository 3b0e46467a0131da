/* Origin, Referer and the CSRF token; see forgery.h. The session itself is checked elsewhere. */
#include "services/admin-api/http/forgery.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "services/admin-api/http/cookie.h"
#include "services/admin-api/metrics.h"
#include "services/admin-api/security/csrf.h"
#include "shared/loop/server.h"

static int refuse(struct exchange *x, enum api_error id, const char *what)
{
    ADMIN_COUNT(CSRF_REFUSED);
    return answer_error(x, id, what);
}

/* scheme://host[:port] of an address; the whole of it if it has no such beginning. */
static struct span origin_of(struct span url)
{
    const char *host = memmem(url.data, url.len, "://", 3);
    size_t at = host == NULL ? url.len : (size_t)(host - url.data) + 3;

    while (at < url.len && strchr("/?#", url.data[at]) == NULL)
        ++at;
    return (struct span){url.data, at};
}

static bool is_listed(struct span origin, const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ", "), bare = len > 0 && list[len - 1] == '/' ? len - 1 : len;
        if (bare == origin.len && strncasecmp(list, origin.data, bare) == 0)
            return true;
        list += len + strspn(list + len, ", ");
    }
    return false;
}

/* Ours are PUBLIC_URL, the address this request is for, and what is configured. A page may come by https although the
 * proxy did not say so; never by http where we are reached by https. */
static bool is_ours(const struct exchange *x, struct span origin)
{
    char here[320];

    if (is_listed(origin, x->base_url) || is_listed(origin, x->admin->config->csrf_trusted_origins))
        return true;
    bool https = strncmp(x->base_url, "https://", 8) == 0;
    snprintf(here, sizeof(here), "https://%s%s%s", server_host(x->call), https ? "" : ",http://",
             https ? "" : server_host(x->call));
    return is_listed(origin, here);
}

int forgery_check_origin(struct exchange *x)
{
    const struct span *origin = exchange_header(x, "origin"), *referer = exchange_header(x, "referer");
    const struct span *site = exchange_header(x, "sec-fetch-site");
    struct span from = {"another site", 12};
    char text[256];

    if (origin != NULL || referer != NULL)
        from = origin != NULL ? *origin : origin_of(*referer);
    else if (site == NULL || !span_equals_nocase(*site, "cross-site"))
        return 1;
    if (is_ours(x, from))
        return 1;
    snprintf(text, sizeof(text), "%.*s", (int)(from.len < 200 ? from.len : 200), from.data);
    return refuse(x, API_CSRF_ORIGIN, text);
}

int forgery_check(struct exchange *x)
{
    struct span cookie = cookie_find(x, COOKIE_CSRF);
    const struct span *header = exchange_header(x, "x-csrftoken");
    int good = forgery_check_origin(x);

    if (good < 1)
        return good;
    if (cookie.len == 0)
        return refuse(x, API_CSRF_COOKIE, NULL);
    /* Both must be the session's, so both are equal, and neither can have been planted. */
    if (header == NULL || !csrf_holds(x->admin->keys, x->who.session.hash, header->data, header->len) ||
        !csrf_holds(x->admin->keys, x->who.session.hash, cookie.data, cookie.len))
        return refuse(x, API_CSRF_TOKEN, NULL);
    return 1;
}
