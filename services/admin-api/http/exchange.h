/*
 * One request to admin-api and its answer, as a handler sees it: in a worker thread, with a database connection when
 * it asks for one. A handler returns 0 after calling exactly one answer_ function, or a negative errno, which becomes
 * an answer by the table in answer.c. It never logs and never touches the event loop.
 */
#ifndef LC_ADMIN_HTTP_EXCHANGE_H
#define LC_ADMIN_HTTP_EXCHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "services/admin-api/admin.h"
#include "services/admin-api/http/errors.h"
#include "services/admin-api/security/identity.h"
#include "shared/http/head.h"

struct db_conn;
struct query;
struct route;
struct server_call;
struct server_source;

#define EXCHANGE_PARAMS     2
#define EXCHANGE_PARAM_SIZE 512 /* bytes of one decoded path parameter, NUL included */

enum method {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_HEAD,
    METHOD_OPTIONS
};

struct body_file {    /* the `file` part of a multipart body, or all of a raw one */
    const char *name; /* as sent; NULL: no such part */
    const char *data;
    size_t len;
};

struct exchange {
    struct server_call *call;
    const struct admin *admin;
    const struct route *route; /* NULL until it is known, and for 404 and 405 */
    char allow[64];            /* the Allow header of the path */
    char client[64];           /* the client's address, behind trusted proxies too */
    char *base_url;            /* http(s)://host[:port] as clients see us: PUBLIC_URL, else Host (checked) */
    enum method method;        /* METHOD_HEAD is handled by the GET handler; the body is left out when sending */
    struct span path;          /* raw, without the query */
    char params[EXCHANGE_PARAMS][EXCHANGE_PARAM_SIZE]; /* what {} in the route's path stood for, percent-decoded */
    struct query *query;                               /* never NULL in a handler */
    struct identity who;                               /* IDENTITY_ANONYMOUS on public routes */
    struct body_file file;
    bool is_form;    /* the body was one: its values are all texts, and an empty one may stand for none */
    char *file_name; /* what file.name points to */
    int64_t now_us;  /* microseconds since 1970 at arrival */
    struct db_conn *db;
    const char *vary; /* the Vary header; NULL: that of the API's answers. Static text */
    int failure;      /* the negative errno behind a 5xx, for the log */
};

typedef int (*exchange_handler)(struct exchange *x);

/* This request's connection, taken from the pool at the first call and given back after the handler. 0 or the
 * database's error. */
int exchange_db(struct exchange *x, struct db_conn **out) __attribute__((warn_unused_result));

/* The value of a request header by its lowercase name (the first one); NULL: absent. Valid as long as the exchange. */
const struct span *exchange_header(const struct exchange *x, const char *lowercase_name);

/* The body as a JSON object the caller owns: application/json, or multipart/form-data with its parts as strings (and
 * `file` in x->file). 1; 0: it was refused and is answered (415, 400: return 0 then); negative errno. An empty body is
 * an empty object. */
int exchange_body(struct exchange *x, json_t **out) __attribute__((warn_unused_result));
/* The same where a file may come: also application/x-www-form-urlencoded, and bytes of any other type when
 * Content-Disposition names them (else 400). */
int exchange_file_body(struct exchange *x, json_t **out) __attribute__((warn_unused_result));

/* --- answers; each takes over `body` even on error. 0 or -ENOMEM --- */
int answer_json(struct exchange *x, int status, json_t *body) __attribute__((warn_unused_result));
/* 200 with the ETag that reading the object would have, so that it may be changed again at once. Not for PUT: RFC 9110
 * 9.3.4. */
int answer_current(struct exchange *x, json_t *object) __attribute__((warn_unused_result));
/* The same from malloc'ed JSON text. */
int answer_text(struct exchange *x, int status, char *text, size_t len) __attribute__((warn_unused_result));
int answer_empty(struct exchange *x, int status) __attribute__((warn_unused_result)); /* 204, 304 */
/* A row of errors.def; the text's {} is replaced by `what` (may be NULL). */
int answer_error(struct exchange *x, enum api_error id, const char *what) __attribute__((warn_unused_result));
/* 400 {"field":["message"],…} from an object of lists. */
int answer_fields(struct exchange *x, json_t *errors) __attribute__((warn_unused_result));
int answer_location(struct exchange *x, int status, const char *location) __attribute__((warn_unused_result));
int answer_header(struct exchange *x, const char *name, const char *value) __attribute__((warn_unused_result));
/* A body made in pieces by a source (shared/loop/server.h); length -1: unknown. Takes over the source. */
int answer_stream(struct exchange *x, int status, const char *type, struct server_source *source, int64_t length)
    __attribute__((warn_unused_result));

/* {"field":["message"]} under construction: appends to the field's list. 0 or -ENOMEM. */
int field_error(json_t *errors, const char *field, const char *message) __attribute__((warn_unused_result));

#endif
