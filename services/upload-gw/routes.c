/* The routing table; see routes.h. */
#include "services/upload-gw/routes.h"

#include <stdio.h>
#include <string.h>

static const struct route routes[] = {
#define ROUTE(where, how, text, get, head, post, put)                                                                  \
    {.port = ROUTE_##where, .match = ROUTE_##how, .path = (text), .handlers = {(get), (head), (post), (put)}},
#define ROUTE_TUS(how, text, head, post, patch, delete)                                                                \
    {.port = ROUTE_PUBLIC,                                                                                             \
     .match = ROUTE_##how,                                                                                             \
     .path = (text),                                                                                                   \
     .handlers = {NULL, (head), (post), NULL, (patch), (delete)},                                                      \
     .options = tus_options},
#include "services/upload-gw/routes.def"
#undef ROUTE_TUS
#undef ROUTE
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

static const char *const methods[ROUTE_METHODS + 1] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

const struct route *route_find(enum route_port port, struct span path)
{
    for (const struct route *r = routes; r < routes + ROUTES; ++r) {
        if (r->port != port)
            continue;
        if (r->match == ROUTE_EXACT ? span_equals(path, r->path) : span_starts_with(path, r->path))
            return r;
    }
    return NULL;
}

bool route_lacks_slash(enum route_port port, struct span path)
{
    for (const struct route *r = routes; r < routes + ROUTES; ++r) {
        size_t n = strlen(r->path) - 1;
        if (r->port == port && n > 0 && r->path[n] == '/' && path.len == n && memcmp(path.data, r->path, n) == 0)
            return true;
    }
    return false;
}

enum route_method route_method(struct span method)
{
    for (int i = 0; i <= ROUTE_METHODS; ++i)
        if (span_equals(method, methods[i]))
            return (enum route_method)i;
    return ROUTE_OTHER;
}

void route_allow(const struct route *r, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < ROUTE_METHODS && at < size; ++i)
        if (r->handlers[i] != NULL)
            at += (size_t)snprintf(out + at, size - at, "%s, ", methods[i]);
    if (at < size)
        snprintf(out + at, size - at, "OPTIONS");
}
