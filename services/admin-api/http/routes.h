/*
 * The routing table, from routes.def. {} is one path segment, {*} at the end whatever follows, nothing included; rows
 * of one path stand together; GET answers HEAD too unless HEAD has its own row; OPTIONS is answered from the rows. Pure
 * functions: any thread.
 */
#ifndef LC_ADMIN_HTTP_ROUTES_H
#define LC_ADMIN_HTTP_ROUTES_H

#include "services/admin-api/http/exchange.h"

enum access { /* who may call; the zero value denies */
              ACCESS_NONE = 0,
              ACCESS_PUBLIC,
              ACCESS_USER,      /* a user; with REQUIRE_2FA=all one that passed the second factor */
              ACCESS_2FA,       /* a user that passed the second factor; no access token */
              ACCESS_SUPERUSER, /* … and is superuser */
              ACCESS_DOWNLOAD,  /* passed the second factor; browsers are sent to the login page */
              ACCESS_ACCOUNT,   /* as ACCESS_USER, but no access token */
              ACCESS_ENROLMENT, /* … and without second factor even with REQUIRE_2FA=all: the way to one */
              ACCESS_LEVELS
};

enum route_thread {                /* where the handler runs */
                    ROUTE_JOB = 0, /* a worker: may block */
                    ROUTE_LOOP,    /* the event loop: public, and must not block */
                    ROUTE_PAGE     /* a worker; not JSON: the handler itself judges Accept */
};

struct route {
    enum method method;
    const char *path;
    enum access access;
    enum route_thread thread;
    size_t body_limit; /* bytes; more is 413 */
    exchange_handler handler;
    const char *name; /* the handler's */
};

struct route_match { /* the rows of one path */
    const struct route *rows;
    size_t count;
};

/* Fills `out` and the decoded path parameters. 1; 0: no such path; -EINVAL: a broken escape in a parameter. */
int route_match(struct span path, char params[EXCHANGE_PARAMS][EXCHANGE_PARAM_SIZE], struct route_match *out)
    __attribute__((warn_unused_result));
/* The row for that method (HEAD: its own or GET's); NULL: 405. */
const struct route *route_for(const struct route_match *match, enum method method);
/* "GET, POST, HEAD, OPTIONS" */
void route_allow(const struct route_match *match, char *out, size_t size);
const struct route *route_table(size_t *count); /* all rows */
enum method method_of(const char *name);

#endif
