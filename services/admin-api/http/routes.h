/*
 * The routing table, from routes.def: ROUTE(METHOD, "/path/{}/", ACCESS, BODY_LIMIT, handler). {} is one path segment.
 * Rows of one path stand together; GET answers HEAD too; OPTIONS is answered from the rows.
 */
#ifndef LC_ADMIN_HTTP_ROUTES_H
#define LC_ADMIN_HTTP_ROUTES_H

#include "services/admin-api/http/exchange.h"

enum access { /* who may call; the zero value denies */
              ACCESS_NONE = 0,
              ACCESS_PUBLIC,
              ACCESS_USER,      /* a user; with REQUIRE_2FA=all one that passed the second factor */
              ACCESS_2FA,       /* a user that passed the second factor */
              ACCESS_SUPERUSER, /* … and is superuser */
              ACCESS_DOWNLOAD   /* as ACCESS_2FA, and browsers are sent to the login page */
};

struct route {
    enum method method;
    const char *path;
    enum access access;
    size_t body_limit;        /* bytes; more is 413 */
    exchange_handler handler; /* in a worker */
};

/* Rows of that path ([*first, *first + *count)) with the path's parameters decoded. 1; 0: no such path; -EINVAL: a
 * broken escape in a parameter. Any thread. */
int route_match(struct span path, char params[EXCHANGE_PARAMS][EXCHANGE_PARAM_SIZE], const struct route **first,
                size_t *count) __attribute__((warn_unused_result));
/* The row for that method (HEAD: GET's); NULL: 405. */
const struct route *route_for(const struct route *first, size_t count, enum method method);
/* "GET, POST, HEAD, OPTIONS" */
void route_allow(const struct route *first, size_t count, char *out, size_t size);
enum method method_of(struct span name);

#endif
