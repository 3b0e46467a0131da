/* The one place where answers are put together. Each call ends the current request of the connection. */
#ifndef LC_GATEWAY_ANSWER_H
#define LC_GATEWAY_ANSWER_H

#include <jansson.h>

#include "services/upload-gw/conn.h"

struct answer_context { /* what the texts of errors.def may mention; unset ones are NULL and 0 */
    const char *token, *method, *why, *name, *sha256;
    const char *typed; /* where a page asked for a token: what was given; the page asks again */
    bool sent;         /* under which a file has just arrived */
    int64_t number, limit, size, left;
    int64_t retry_ms; /* > 0: Retry-After instead of the row's */
};

/* `body` is taken over; NULL with a message in the log when memory is out: the connection closes. */
void answer_json(struct conn *c, int status, json_t *body, const char *more_headers);
void answer_text(struct conn *c, int status, const char *type, const char *text, size_t len);
/* A page in the language of the request, with these values (taken over; NULL: memory is out). */
void answer_page(struct conn *c, int status, json_t *values, const char *more_headers);
/* A file has arrived: for terminals and forms. `left` < 0: not known. */
void answer_received(struct conn *c, const struct answer_context *context);
void answer_empty(struct conn *c, int status, const char *more_headers);
void answer_error(struct conn *c, enum gateway_error e, const struct answer_context *context);
/* The same with its hint for people, in a body of another type: `before` and `after` it. Its text mentions nothing. */
void answer_error_within(struct conn *c, enum gateway_error e, const char *type, const char *before, const char *after);

#endif
