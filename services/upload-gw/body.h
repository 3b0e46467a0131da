/*
 * Decodes a request body as it comes, whatever its framing (Content-Length, chunked) and form (raw, multipart), and
 * feeds the archive's bytes to a sink. One thread at a time. No I/O of its own.
 */
#ifndef LC_GATEWAY_BODY_H
#define LC_GATEWAY_BODY_H

#include "services/upload-gw/sink.h"
#include "shared/http/chunked.h"
#include "shared/http/filename.h"
#include "shared/http/multipart.h"

struct body {
    int64_t left; /* of Content-Length; -1: chunked */
    struct chunked chunked;
    struct multipart *form; /* NULL: raw */
    bool in_file, form_over;
    bool over;  /* the body is complete */
    char *name; /* clean; NULL: none yet */
};

/* `form` is taken over. */
void body_init(struct body *b, int64_t content_length, struct multipart *form);
void body_free(struct body *b);
/* How many bytes it is safe to read from the connection: never beyond a Content-Length. */
size_t body_wants(const struct body *b, size_t most);
/* Takes bytes until the body is over; `*used` tells how many (the rest is the next request's). */
enum gateway_error body_feed(struct body *b, const char *data, size_t len, size_t *used, struct sink *sink)
    __attribute__((warn_unused_result));
/* Once over: is there an archive in it? */
enum gateway_error body_verdict(const struct body *b, const struct sink *sink);
/* A client's file name made clean as b->name: GATEWAY_OK, BAD_NAME, NAME_TOO_LONG or STORAGE (memory). */
enum gateway_error body_set_name(struct body *b, const char *raw, size_t len);
/* The same for the ways in that the published contract describes: what cannot be a name is BAD_REQUEST there. */
enum gateway_error body_set_contract_name(struct body *b, const char *raw, size_t len);

#endif
