/* The routing table and how a path finds its rows; see routes.h. */
#include "services/admin-api/http/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistr.h>

#include "services/admin-api/http/handlers.h"
#include "shared/http/query.h"

static const struct route routes[] = {
#define ROUTE(verb, text, who, where, limit, function)                                                                 \
    {.method = METHOD_##verb,                                                                                          \
     .path = (text),                                                                                                   \
     .access = ACCESS_##who,                                                                                           \
     .thread = ROUTE_##where,                                                                                          \
     .body_limit = (limit),                                                                                            \
     .handler = (function),                                                                                            \
     .name = #function},
#include "services/admin-api/http/routes.def"
#undef ROUTE
};

/* Who calls is found out by a worker. */
#define ROUTE(verb, text, who, where, ...)                                                                             \
    _Static_assert(ROUTE_##where != ROUTE_LOOP || ACCESS_##who == ACCESS_PUBLIC,                                       \
                   #verb " " text " answers from the event loop, so it must be PUBLIC");
#include "services/admin-api/http/routes.def"
#undef ROUTE

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

static const char *const method_names[] = {
    [METHOD_GET] = "GET",       [METHOD_POST] = "POST", [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH",
    [METHOD_DELETE] = "DELETE", [METHOD_HEAD] = "HEAD", [METHOD_OPTIONS] = "OPTIONS",
};

#define METHODS (sizeof(method_names) / sizeof(method_names[0]))

const struct route *route_table(size_t *count)
{
    *count = ROUTES;
    return routes;
}

enum method method_of(const char *name)
{
    for (size_t i = METHOD_GET; i < METHODS; ++i)
        if (strcmp(name, method_names[i]) == 0)
            return (enum method)i;
    return METHOD_OTHER;
}

/* The raw segments that {} stand for. */
static bool fits(const char *pattern, struct span path, struct span found[EXCHANGE_PARAMS], size_t *count)
{
    size_t at = 0;

    *count = 0;
    for (; *pattern != '\0'; ++pattern) {
        if (*pattern != '{') {
            if (at == path.len || path.data[at++] != *pattern)
                return false;
            continue;
        }
        size_t start = at;
        bool rest = pattern[1] == '*';
        while (at < path.len && (rest || path.data[at] != '/'))
            ++at;
        if (at == start && !rest)
            return false;
        found[(*count)++] = (struct span){path.data + start, at - start};
        pattern += 1 + rest; /* the closing brace */
    }
    return at == path.len;
}

int route_match(struct span path, char params[EXCHANGE_PARAMS][EXCHANGE_PARAM_SIZE], struct route_match *out)
{
    struct span found[EXCHANGE_PARAMS];
    size_t count;

    for (size_t i = 0; i < ROUTES; ++i) {
        if (!fits(routes[i].path, path, found, &count))
            continue;
        *out = (struct route_match){routes + i, 1};
        while (i + out->count < ROUTES && strcmp(routes[i + out->count].path, routes[i].path) == 0)
            ++out->count;
        for (size_t p = 0; p < count; ++p) {
            ssize_t n = query_decode(found[p], false, params[p], EXCHANGE_PARAM_SIZE);
            if (n < 0)
                return n == -ENAMETOOLONG ? 0 : -EINVAL;
            if (u8_check((const uint8_t *)params[p], (size_t)n) != NULL) /* nothing here has such a name */
                return 0;
        }
        return 1;
    }
    return 0;
}

const struct route *route_for(const struct route_match *match, enum method method)
{
    const struct route *get = NULL;

    for (size_t i = 0; i < match->count; ++i) {
        if (match->rows[i].method == method)
            return match->rows + i;
        if (match->rows[i].method == METHOD_GET)
            get = match->rows + i;
    }
    return method == METHOD_HEAD ? get : NULL;
}

void route_allow(const struct route_match *match, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t m = METHOD_GET; m < METHODS && at < size; ++m)
        if (m == METHOD_OPTIONS || route_for(match, (enum method)m) != NULL)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at == 0 ? "" : ", ", method_names[m]);
}
