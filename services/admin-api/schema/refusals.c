/*
 * What an operation may be refused: what follows from its route, its resource and its rows, by status. The texts are
 * those that are sent, from the tables that send them.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/http/answer.h"
#include "services/admin-api/schema/build.h"

#define NAME_SIZE 64

static bool changes(const struct route *route)
{
    return route->method != METHOD_GET && route->method != METHOD_HEAD && route->method != METHOD_OPTIONS;
}

/* What a route's row alone makes possible. */
static bool is_public(const struct route *route)
{
    return route->access == ACCESS_PUBLIC;
}

static bool runs_job(const struct route *route)
{
    return route->thread == ROUTE_JOB;
}

static bool any(const struct route *route)
{
    (void)route;
    return true;
}

/* What is negotiated: Accept, and format= of the query, which finds nothing but JSON. */
static bool is_json(const struct route *route)
{
    return route->thread != ROUTE_PAGE && strncmp(route->path, "/api/", 5) == 0;
}

static bool has_parameter(const struct route *route)
{
    return strchr(route->path, '{') != NULL;
}

/* BODY(handler, NONE, …): it is not looked at. */
static bool ignores_body(const char *handler)
{
    for (size_t i = 0; i < operation_bodies_count; ++i)
        if (operation_bodies[i].status == 0 && strcmp(operation_bodies[i].operation, handler) == 0)
            return operation_bodies[i].media == NULL;
    return false;
}

static bool has_body(const struct route *route)
{
    return route->body_limit > 0 && !ignores_body(route->name);
}

static bool needs_login(const struct route *route)
{
    return !is_public(route);
}

static bool may_need_2fa(const struct route *route)
{
    return !is_public(route) && route->access != ACCESS_ENROLMENT;
}

static bool needs_superuser(const struct route *route)
{
    return route->access == ACCESS_SUPERUSER;
}

static bool needs_csrf(const struct route *route)
{
    return !is_public(route) && changes(route);
}

static const struct {
    bool (*holds)(const struct route *route);
    enum api_error error;
} consequences[] = {
    {any, API_BAD_HOST},
    {any, API_BAD_QUERY},
    {any, API_INTERNAL},
    {runs_job, API_UNAVAILABLE},
    {runs_job, API_BUSY},
    {is_json, API_NOT_ACCEPTABLE},
    {is_json, API_NOT_FOUND},
    {has_parameter, API_BAD_PATH},
    {has_parameter, API_NOT_FOUND},
    {has_body, API_PARSE},
    {has_body, API_MULTIPART},
    {has_body, API_BODY_TOO_LARGE},
    {has_body, API_MEDIA_TYPE},
    {needs_login, API_NOT_AUTHENTICATED},
    {needs_login, API_BAD_HEADER},
    {needs_login, API_TOKEN_INVALID},
    {needs_login, API_TOKEN_WRONG_TYPE},
    {needs_login, API_NEEDS_SCOPE},
    {may_need_2fa, API_NEEDS_2FA},
    {needs_superuser, API_FORBIDDEN},
    {needs_csrf, API_CSRF_ORIGIN},
    {needs_csrf, API_CSRF_COOKIE},
    {needs_csrf, API_CSRF_TOKEN},
};

void refusals_of_route(const struct route *route, const struct described_resource *r, struct refusals *out)
{
    for (size_t i = 0; i < sizeof(consequences) / sizeof(consequences[0]); ++i)
        out->errors[consequences[i].error] |= consequences[i].holds(route);
    out->fields |= changes(route) || (r != NULL && !has_parameter(route));
    if (r != NULL && has_body(route) && r->get()->takes_files) {
        out->errors[API_MEDIA_TYPE] = false;
        out->errors[API_MISSING_FILENAME] = true;
        out->errors[API_BAD_FORM] = true;
    }
    out->errors[API_PRECONDITION] |= r != NULL && route->method != METHOD_POST && changes(route);
}

/* What the gateway may say to any request. */
void refusals_of_gateway(struct refusals *out)
{
    static const enum upload_refusal always[] = {UPLOAD_BAD_HEAD, UPLOAD_HEAD_TOO_LARGE, UPLOAD_CROWDED, UPLOAD_BUSY};

    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); ++i)
        out->uploads[always[i]] = true;
}

void refusals_of_rows(const char *operation, struct refusals *out)
{
    for (size_t i = 0; i < operation_refusals_count; ++i)
        if (strcmp(operation_refusals[i].operation, operation) == 0)
            out->errors[operation_refusals[i].error] = true;
    for (size_t i = 0; i < operation_upload_refusals_count; ++i)
        if (strcmp(operation_upload_refusals[i].operation, operation) == 0)
            out->uploads[operation_upload_refusals[i].error] = true;
}

/* --- as responses --- */

static void example_name(const char *prefix, const char *id, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "%s%s", prefix, id);
    for (char *c = out; *c != '\0'; ++c)
        *c = (char)tolower((unsigned char)*c);
}

static json_t *upload_refusal_body(const struct upload_refusal_row *row)
{
    json_t *body =
        row->field != NULL ? json_pack("{s:[s]}", row->field, row->text) : json_pack("{s:s}", "detail", row->text);
    if (row->code != NULL && json_object_set_new(body, "code", json_string(row->code)) < 0) {
        json_decref(body);
        return NULL;
    }
    return body;
}

static json_t *new_response(struct builder *b, int status, bool by_field)
{
    json_t *response = json_pack("{s:s,s:{}}", "description", "", "headers");
    json_t *schema = part_object(b, "Error"), *either = json_array(), *media = json_object(), *content = json_object();

    if (by_field) {
        build_append(b, either, schema);
        build_append(b, either, part_reference(b, "schemas", "FieldErrors"));
        schema = json_object();
        build_put(b, schema, "anyOf", either);
    } else {
        json_decref(either);
    }
    (void)status;
    build_put(b, media, "schema", schema);
    build_put(b, media, "examples", json_object());
    build_put(b, content, "application/json", media);
    build_put(b, response, "content", content);
    return response;
}

static json_t *response_for(struct builder *b, json_t *responses, int status, bool by_field)
{
    char key[8];
    snprintf(key, sizeof(key), "%d", status);
    if (json_object_get(responses, key) == NULL)
        build_put(b, responses, key, new_response(b, status, by_field));
    return json_object_get(responses, key);
}

/* Takes over the body. */
static void add_example(struct builder *b, json_t *response, const char *name, const char *text, json_t *body)
{
    json_t *examples =
        json_object_get(json_object_get(json_object_get(response, "content"), "application/json"), "examples");
    const char *before = json_string_value(json_object_get(response, "description"));
    json_t *description =
        json_sprintf("%s%s%s", before == NULL ? "" : before, before == NULL || *before == '\0' ? "" : "\n", text);
    json_t *example = json_object();

    build_put(b, response, "description", description);
    build_put(b, example, "value", body);
    if (json_object_get(b->examples, name) == NULL)
        build_put(b, b->examples, name, example);
    else
        json_decref(example);
    build_put(b, examples, name, part_reference(b, "examples", name));
}

static void put_error(struct builder *b, json_t *responses, enum api_error id, bool fields)
{
    const struct api_error_row *row = api_errors + id;
    json_t *response = response_for(b, responses, row->status, fields && row->status == 400);
    json_t *headers = json_object_get(response, "headers"), *body = error_body(id, "…");
    char name[NAME_SIZE], text[512];

    snprintf(text, sizeof(text), "%.500s", json_string_value(json_object_get(body, "detail")));
    example_name("", api_error_names[id], name);
    add_example(b, response, name, text, body);
    if (row->retry_after > 0 || row->status == 429)
        build_put(b, headers, "Retry-After", part_header(b, "retry_after"));
    if (row->status == 401)
        build_put(b, headers, "WWW-Authenticate", part_header(b, "challenge"));
}

static void put_upload_refusal(struct builder *b, json_t *responses, enum upload_refusal id)
{
    const struct upload_refusal_row *row = upload_refusals + id;
    json_t *response = response_for(b, responses, row->status, row->status == 400);
    char name[NAME_SIZE];

    example_name("gateway_", row->id, name);
    add_example(b, response, name, row->text, upload_refusal_body(row));
    if (row->retry_after > 0)
        build_put(b, json_object_get(response, "headers"), "Retry-After", part_header(b, "retry_after"));
}

void refusals_put(struct builder *b, const struct refusals *refusals, json_t *responses)
{
    const char *key;
    json_t *response;
    void *next;

    for (int i = 1; i < API_ERRORS; ++i)
        if (refusals->errors[i])
            put_error(b, responses, (enum api_error)i, refusals->fields);
    for (int i = 0; i < UPLOAD_REFUSALS; ++i)
        if (refusals->uploads[i])
            put_upload_refusal(b, responses, (enum upload_refusal)i);
    json_object_foreach_safe(responses, next, key,
                             response) if (json_object_size(json_object_get(response, "headers")) == 0)
        json_object_del(response, "headers");
}
