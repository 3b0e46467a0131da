/* Answers: the only file that writes errors, and the headers that every answer carries. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/http/answer.h"
#include "services/admin-api/http/etag.h"
#include "shared/loop/server.h"

#define JSON_TYPE "application/json"

const struct api_error_row api_errors[API_ERRORS] = {
#define ERR(id, ...) [API_##id] = {__VA_ARGS__},
#include "services/admin-api/http/errors.def"
#undef ERR
};

/* What a handler's negative errno becomes. */
static const struct {
    int err;
    enum api_error id;
} failures[] = {
    {ENOTCONN, API_UNAVAILABLE}, {ETIMEDOUT, API_UNAVAILABLE}, {EBUSY, API_UNAVAILABLE}, {EROFS, API_UNAVAILABLE},
    {ENOSPC, API_NO_SPACE},      {EDQUOT, API_NO_SPACE},       {ESTALE, API_STORAGE},
    {EKEYREJECTED, API_SEALED},
};

int answer_header(struct exchange *x, const char *name, const char *value)
{
    return server_header(x->call, name, value);
}

const struct server_header_row answer_headers[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Allow", ANSWER_ALLOW_UNKNOWN}, /* answer_common has a better word */
    {NULL, NULL},
};

int answer_common(struct exchange *x)
{
    bool https = x->base_url != NULL && strncmp(x->base_url, "https://", 8) == 0;
    int err = answer_header(x, "Allow", x->allow);
    if (err == 0 && https) /* RFC 6797: a year; in clear text it would mean nothing */
        err = answer_header(x, "Strict-Transport-Security", "max-age=31536000");
    for (const struct server_header_row *row = answer_headers; err == 0 && strcmp(row->name, "Allow") != 0; ++row)
        err = answer_header(x, row->name, row->value);
    return err < 0 ? err : answer_header(x, "Vary", x->vary != NULL ? x->vary : "Accept, Authorization, Cookie");
}

static bool reads(const struct exchange *x)
{
    return x->method == METHOD_GET || x->method == METHOD_HEAD;
}

static int add_etag(struct exchange *x, const char *text, size_t len, char tag[ETAG_SIZE])
{
    etag_of(text, len, tag);
    return answer_header(x, "ETag", tag);
}

/* The representation is what it was: 304 (RFC 9110 13.1.2). 1 if answered so. */
static int answer_unchanged(struct exchange *x, const char *text, size_t len)
{
    char tag[ETAG_SIZE];
    const struct span *known = exchange_header(x, "if-none-match");
    int err = add_etag(x, text, len, tag);

    if (err < 0 || known == NULL || !etag_is_listed(*known, tag, true))
        return err;
    server_status(x->call, 304);
    return 1;
}

/* JSON that a browser takes for a page does nothing there. */
static int add_type(struct exchange *x, const char *type)
{
    int err = answer_header(x, "Content-Type", type);

    if (err < 0 || strcmp(type, JSON_TYPE) != 0)
        return err;
    return answer_header(x, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
}

int answer_text(struct exchange *x, int status, char *text, size_t len)
{
    int err = status == 200 && reads(x) ? answer_unchanged(x, text, len) : 0;

    if (err == 0) {
        server_status(x->call, status);
        err = add_type(x, JSON_TYPE);
    }
    if (err != 0) {
        free(text);
        return err < 0 ? err : 0;
    }
    server_answer(x->call, text, len);
    return 0;
}

static char *dump(json_t *body)
{
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);

    json_decref(body);
    return text;
}

int answer_current(struct exchange *x, json_t *object)
{
    char tag[ETAG_SIZE], *text = dump(object);
    int err = text == NULL ? -ENOMEM : add_etag(x, text, strlen(text), tag);

    if (err < 0) {
        free(text);
        return err;
    }
    return answer_text(x, 200, text, strlen(text));
}

int answer_json(struct exchange *x, int status, json_t *body)
{
    char *text = dump(body);

    return text == NULL ? -ENOMEM : answer_text(x, status, text, strlen(text));
}

int answer_empty(struct exchange *x, int status)
{
    server_status(x->call, status);
    return 0;
}

int answer_location(struct exchange *x, int status, const char *location)
{
    server_status(x->call, status);
    return answer_header(x, "Location", location);
}

int answer_stream(struct exchange *x, int status, const char *type, struct server_source *source, int64_t length)
{
    server_status(x->call, status);
    server_stream(x->call, source, length);
    return add_type(x, type);
}

/* The row's text with {} filled in. What is not UTF-8 in it is the client's fault: shown as such. */
static json_t *detail_of(const struct api_error_row *row, const char *what)
{
    char text[1024];
    const char *gap = strstr(row->detail, "{}");

    if (gap == NULL)
        return json_string(row->detail);
    snprintf(text, sizeof(text), "%.*s%.700s%s", (int)(gap - row->detail), row->detail, what == NULL ? "" : what,
             gap + 2);
    json_t *detail = json_string(text);
    return detail != NULL ? detail : json_string(row->detail);
}

json_t *error_body(enum api_error id, const char *what)
{
    const struct api_error_row *row = api_errors + id;
    json_t *body = json_pack("{s:o*}", "detail", detail_of(row, what));
    int bad = body == NULL ? -1 : 0;

    if (row->code != NULL)
        bad |= json_object_set_new(body, "code", json_string(row->code));
    if (row->title != NULL) { /* RFC 9457 3.1 */
        bad |= json_object_set_new(body, "type", json_string("about:blank"));
        bad |= json_object_set_new(body, "title", json_string(row->title));
        bad |= json_object_set_new(body, "status", json_integer(row->status));
    }
    if (bad == 0)
        return body;
    json_decref(body);
    return NULL;
}

static int answer_error_body(struct exchange *x, enum api_error id, json_t *body)
{
    const struct api_error_row *row = api_errors + id;
    char seconds[16];
    int err = 0;

    if (row->retry_after > 0) {
        snprintf(seconds, sizeof(seconds), "%d", row->retry_after);
        err = answer_header(x, "Retry-After", seconds);
    }
    if (row->status == 401 && err == 0)
        err = answer_header(x, "WWW-Authenticate", "Bearer realm=\"api\"");
    if (err < 0) {
        json_decref(body);
        return err;
    }
    return answer_json(x, row->status, body);
}

int answer_error(struct exchange *x, enum api_error id, const char *what)
{
    return answer_error_body(x, id, error_body(id, what));
}

/* The shape that clients of bearer tokens know. */
int answer_bad_bearer(struct exchange *x, const char *message)
{
    return answer_error_body(x, API_TOKEN_INVALID,
                             json_pack("{s:s,s:s,s:[{s:s,s:s,s:s}]}", "detail",
                                       "Given token not valid for any token type", "code", "token_not_valid",
                                       "messages", "token_class", "AccessToken", "token_type", "access", "message",
                                       message));
}

int answer_fields(struct exchange *x, json_t *errors)
{
    return answer_json(x, 400, errors);
}

int answer_failure(struct exchange *x, int failure)
{
    enum api_error id = API_INTERNAL;

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); ++i)
        if (failures[i].err == -failure)
            id = failures[i].id;
    x->failure = failure;
    return answer_error(x, id, NULL);
}

int field_error(json_t *errors, const char *field, const char *message)
{
    json_t *list = json_object_get(errors, field);

    if (list == NULL) {
        list = json_array();
        if (json_object_set_new(errors, field, list) < 0)
            return -ENOMEM;
    }
    return json_array_append_new(list, json_string(message)) < 0 ? -ENOMEM : 0;
}
