/*
 * The OpenAPI document from the tables: every route of routes.def that is part of the API, what the gateway answers,
 * and the components they use. A handler is one of a resource's verbs by its name, or has a row in operations.def.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/schema/build.h"

#define SOFTWARE_VERSION LC_VERSION

static const char *const method_keys[] = {
    [METHOD_GET] = "get",       [METHOD_POST] = "post", [METHOD_PUT] = "put",         [METHOD_PATCH] = "patch",
    [METHOD_DELETE] = "delete", [METHOD_HEAD] = "head", [METHOD_OPTIONS] = "options",
};

/* --- a resource's verbs --- */

enum verb { VERB_LIST, VERB_CREATE, VERB_GET, VERB_PUT, VERB_PATCH, VERB_DELETE, VERBS };

static const struct {
    const char *suffix, *summary, *text; /* {} is the resource */
    bool of_many;
} verbs[VERBS] = {
    [VERB_LIST] = {"_list", "List {}", "Without limit all of them, streamed.", true},
    [VERB_CREATE] = {"_create", "Make {}", "", false},
    [VERB_GET] = {"_get", "Show {}", "", false},
    [VERB_PUT] = {"_put", "Replace {}", "What is left out and not required stays as it is.", false},
    [VERB_PATCH] = {"_patch", "Change {}", "Only what is named.", false},
    [VERB_DELETE] = {"_delete", "Delete {}", "With all that belongs to it.", false},
};

/* The resource whose verb this handler is by its name. */
static const struct described_resource *resource_of(const char *handler, enum verb *verb)
{
    for (size_t i = 0; i < described_resources_count; ++i) {
        size_t len = strlen(described_resources[i].name);
        if (strncmp(handler, described_resources[i].name, len) != 0)
            continue;
        for (int v = 0; v < VERBS; ++v)
            if (strcmp(handler + len, verbs[v].suffix) == 0) {
                *verb = (enum verb)v;
                return described_resources + i;
            }
    }
    return NULL;
}

/* --- one operation --- */

struct subject { /* what an operation is described from */
    const char *id, *pattern, *tag, *parameters, *summary, *text, *security;
    enum method method;
    const struct route *route; /* NULL: the gateway's */
    const struct described_resource *resource;
    enum verb verb;
    char words[96];
};

static json_t *media_of(struct builder *b, json_t *schema)
{
    json_t *media = json_object();
    build_put(b, media, "schema", schema);
    return media;
}

/* An object, "Object[]" for a list of them, or "" for what is not JSON. */
static json_t *schema_of(struct builder *b, const char *object)
{
    char name[64];
    const char *brackets = strstr(object, "[]");
    json_t *list;

    if (brackets == NULL)
        return *object == '\0' ? json_object() : part_object(b, object);
    snprintf(name, sizeof(name), "%.*s", (int)(brackets - object), object);
    list = json_pack("{s:s}", "type", "array");
    build_put(b, list, "items", part_object(b, name));
    return list;
}

static json_t *response(struct builder *b, json_t *responses, int status, const char *text)
{
    char key[8];
    snprintf(key, sizeof(key), "%d", status);
    if (json_object_get(responses, key) == NULL)
        build_put(b, responses, key, json_pack("{s:s,s:{}}", "description", text, "headers"));
    return json_object_get(responses, key);
}

static void put_content(struct builder *b, json_t *holder, const char *media, json_t *schema)
{
    if (json_object_get(holder, "content") == NULL)
        build_put(b, holder, "content", json_object());
    build_put(b, json_object_get(holder, "content"), media, media_of(b, schema));
}

static void put_header(struct builder *b, json_t *holder, const char *key)
{
    const struct parameter *p = parameter_find(key);
    json_t *header = part_header(b, key);
    build_put(b, json_object_get(holder, "headers"), p == NULL ? key : p->name, header);
}

/* The answers of a verb. */
static void put_verb_answers(struct builder *b, const struct subject *s, json_t *responses)
{
    static const struct {
        int status;
        const char *text;
        bool has_etag;
    } rows[VERBS] = {
        [VERB_LIST] = {200, "All of them, or the page asked for.", true},
        [VERB_CREATE] = {201, "Made.", false},
        [VERB_GET] = {200, "As it is.", true},
        [VERB_PUT] = {200, "As it is now.", false},
        [VERB_PATCH] = {200, "As it is now.", true},
        [VERB_DELETE] = {204, "Gone.", false},
    };
    json_t *answer = response(b, responses, rows[s->verb].status, rows[s->verb].text);

    if (s->verb == VERB_LIST)
        put_content(b, answer, "application/json", part_list(b, s->resource));
    else if (s->verb != VERB_DELETE)
        put_content(b, answer, "application/json", part_object(b, s->resource->object));
    if (rows[s->verb].has_etag)
        put_header(b, answer, "etag");
}

static void put_row_answers(struct builder *b, const struct subject *s, json_t *responses)
{
    for (size_t i = 0; i < operation_bodies_count; ++i) {
        const struct operation_body *row = operation_bodies + i;
        if (row->status == 0 || strcmp(row->operation, s->id) != 0)
            continue;
        json_t *answer = response(b, responses, row->status, row->text);
        if (row->media != NULL)
            put_content(b, answer, row->media, schema_of(b, row->object));
    }
    for (size_t i = 0; i < operation_headers_count; ++i)
        if (strcmp(operation_headers[i].operation, s->id) == 0)
            put_header(b, response(b, responses, operation_headers[i].status, ""), operation_headers[i].parameter);
}

/* Whatever is shown as JSON has an ETag here. */
static void put_unchanged(struct builder *b, const struct subject *s, json_t *responses)
{
    const json_t *shown = json_object_get(json_object_get(responses, "200"), "content");
    if (s->route != NULL && s->method == METHOD_GET && json_object_get(shown, "application/json") != NULL)
        (void)response(b, responses, 304, "Unchanged.");
}

/* Under a customer's link refusals are for people too. */
static void put_plain_refusals(struct builder *b, json_t *responses)
{
    const char *status;
    json_t *answer;

    json_object_foreach (responses, status, answer)
        if (*status >= '4')
            put_content(b, answer, "text/plain", json_object());
}

/* A browser gets the panel, which says so in words. */
static void put_page_refusals(struct builder *b, json_t *responses)
{
    static const char *const refusals[] = {"403", "404"};

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); ++i)
        put_content(b, json_object_get(responses, refusals[i]), "text/html", json_object());
}

static json_t *responses_of(struct builder *b, const struct subject *s)
{
    struct refusals refusals = {.fields = false};
    json_t *responses = json_object();

    if (s->resource != NULL)
        put_verb_answers(b, s, responses);
    put_row_answers(b, s, responses);
    put_unchanged(b, s, responses);
    if (json_object_size(responses) == 0)
        build_failed(b, "schema/operations.def has no ANSWER(%s, …)", s->id);
    if (s->route != NULL)
        refusals_of_route(s->route, s->resource, &refusals);
    else
        refusals_of_gateway(&refusals);
    refusals_of_rows(s->id, &refusals);
    refusals_put(b, &refusals, responses);
    if (strncmp(s->pattern, "/u/", 3) == 0)
        put_plain_refusals(b, responses);
    if (strncmp(s->pattern, "/archives/download/", 19) == 0)
        put_page_refusals(b, responses);
    return responses;
}

static void put_input(struct builder *b, const struct subject *s, json_t *body)
{
    static const char *const media[] = {"application/json", "multipart/form-data", "application/x-www-form-urlencoded"};
    bool files = s->resource->get()->takes_files;

    for (size_t i = 0; i < (files ? 3 : 2); ++i)
        put_content(b, body, media[i], part_input(b, s->resource, s->verb == VERB_PATCH));
    if (files)
        put_content(b, body, "application/octet-stream", json_object());
}

/* The gateway takes parts of uploads without a body too, and a PATCH without one changes nothing. */
static bool has_optional_body(const struct subject *s)
{
    return s->route == NULL ? strncmp(s->id, "tus_", 4) == 0 : s->resource != NULL && s->verb == VERB_PATCH;
}

static void put_request_body(struct builder *b, const struct subject *s, json_t *operation)
{
    json_t *body = json_pack("{s:b}", "required", (int)!has_optional_body(s));
    bool said = false;

    if (s->resource != NULL && (s->verb == VERB_CREATE || s->verb == VERB_PUT || s->verb == VERB_PATCH))
        put_input(b, s, body);
    for (size_t i = 0; i < operation_bodies_count; ++i) {
        const struct operation_body *row = operation_bodies + i;
        if (row->status != 0 || strcmp(row->operation, s->id) != 0)
            continue;
        said = true;
        if (row->media != NULL)
            put_content(b, body, row->media, schema_of(b, row->object));
    }
    if (json_object_get(body, "content") != NULL) {
        build_put(b, operation, "requestBody", body);
        return;
    }
    json_decref(body);
    if (!said && s->route != NULL && s->route->body_limit > 0)
        build_failed(b, "schema/operations.def has no BODY(%s, …)", s->id);
}

/* The keys of a list separated by commas, one by one. */
static bool next_key(const char **at, char out[64])
{
    size_t len = strcspn(*at, ",");
    snprintf(out, 64, "%.*s", (int)len, *at);
    *at += len + ((*at)[len] == ',');
    return len > 0;
}

static json_t *parameters_of(struct builder *b, const struct subject *s)
{
    json_t *list = json_array();
    const char *at = s->parameters;
    char key[64];

    while (next_key(&at, key))
        build_append(b, list, part_parameter(b, key));
    if (s->resource == NULL)
        return list;
    if (s->verb == VERB_LIST)
        part_filters(b, s->resource, list);
    if (s->verb == VERB_LIST || s->verb == VERB_GET)
        build_append(b, list, part_parameter(b, "if_none_match"));
    else if (s->verb != VERB_CREATE)
        build_append(b, list, part_parameter(b, "if_match"));
    if ((s->verb == VERB_PUT || s->verb == VERB_PATCH) && s->resource->get()->takes_files)
        build_append(b, list, part_parameter(b, "content_disposition"));
    return list;
}

static json_t *security_of(struct builder *b, const struct subject *s)
{
    json_t *list = json_array();
    bool reads = s->method == METHOD_GET || s->method == METHOD_HEAD || s->method == METHOD_OPTIONS;

    if (s->route != NULL && s->route->access != ACCESS_PUBLIC) {
        build_append(b, list, json_pack("{s:[]}", "bearer"));
        build_append(b, list, reads ? json_pack("{s:[]}", "session") : json_pack("{s:[],s:[]}", "session", "csrf"));
    }
    if (s->security != NULL && *s->security != '\0')
        build_append(b, list, json_pack("{s:[]}", s->security));
    return list;
}

/* "/a/{}/" with the names of its parameters. */
static void path_of(struct builder *b, const struct subject *s, char *out, size_t size)
{
    const char *keys = s->parameters, *pattern = s->pattern;
    size_t at = 0;
    char key[64];

    for (; *pattern != '\0' && at + 1 < size; ++pattern) {
        if (*pattern != '{') {
            out[at++] = *pattern;
            continue;
        }
        const struct parameter *p = next_key(&keys, key) ? parameter_find(key) : NULL;
        if (p == NULL || p->place != PARAMETER_PATH)
            build_failed(b, "%s: name the parameters of its path first, by rows of schema/parameters.def", s->id);
        else
            at += (size_t)snprintf(out + at, size - at, "{%s}", p->name);
        pattern += strcspn(pattern, "}");
    }
    out[at < size ? at : size - 1] = '\0';
}

static void put_operation(struct builder *b, json_t *paths, const struct subject *s)
{
    char path[256];
    json_t *operation = json_pack("{s:s,s:[s],s:s}", "operationId", s->id, "tags", s->tag, "summary", s->summary);

    path_of(b, s, path, sizeof(path));
    if (*s->text != '\0')
        build_text(b, operation, "description", s->text);
    build_put(b, operation, "parameters", parameters_of(b, s));
    put_request_body(b, s, operation);
    build_put(b, operation, "responses", responses_of(b, s));
    build_put(b, operation, "security", security_of(b, s));
    if (json_object_get(paths, path) == NULL)
        build_put(b, paths, path, json_object());
    build_put(b, json_object_get(paths, path), method_keys[s->method], operation);
}

/* --- all of them --- */

/* Pages are for browsers and no part of the API, unless they stand under it. */
static bool is_described(const struct route *route)
{
    for (size_t i = 0; i < elsewheres_count; ++i)
        if (strcmp(elsewheres[i].handler, route->name) == 0)
            return false;
    return route->thread != ROUTE_PAGE || strncmp(route->path, "/api/", 5) == 0;
}

static void fill_summary(struct subject *s)
{
    const char *what = verbs[s->verb].of_many ? s->resource->many : s->resource->one;
    const char *gap = strstr(verbs[s->verb].summary, "{}");
    snprintf(s->words, sizeof(s->words), "%.*s%s", (int)(gap - verbs[s->verb].summary), verbs[s->verb].summary, what);
    s->summary = s->words;
    s->text = verbs[s->verb].text;
}

static void put_route(struct builder *b, json_t *paths, const struct route *route)
{
    const struct operation *row = operation_find(route->name);
    struct subject s = {.id = route->name, .pattern = route->path, .method = route->method, .route = route};

    s.resource = row == NULL ? resource_of(route->name, &s.verb) : NULL;
    if (s.resource != NULL) {
        s.tag = s.resource->tag;
        s.parameters = strchr(route->path, '{') == NULL ? "" : s.resource->parameter;
        fill_summary(&s);
    } else if (row != NULL && row->method == METHOD_OTHER) {
        s.tag = row->tag;
        s.parameters = row->parameters;
        s.summary = row->summary;
        s.text = row->text;
    } else {
        build_failed(b,
                     "%s %s: describe its handler: OPERATION(%s, …) in schema/operations.def, or a RESOURCE in "
                     "schema/resources.def",
                     method_keys[route->method], route->path, route->name);
        return;
    }
    put_operation(b, paths, &s);
}

static json_t *paths_of(struct builder *b)
{
    json_t *paths = json_object();
    size_t count;
    const struct route *routes = route_table(&count);

    for (size_t i = 0; i < count; ++i)
        if (is_described(routes + i))
            put_route(b, paths, routes + i);
    for (size_t i = 0; i < operations_count; ++i) {
        const struct operation *o = operations + i;
        if (o->method == METHOD_OTHER)
            continue;
        const struct subject s = {.id = o->id,
                                  .pattern = o->path,
                                  .tag = o->tag,
                                  .parameters = o->parameters,
                                  .summary = o->summary,
                                  .text = o->text,
                                  .security = o->security,
                                  .method = o->method};
        put_operation(b, paths, &s);
    }
    return paths;
}

static json_t *security_schemes(void)
{
    return json_pack(
        "{s:{s:s,s:s,s:s,s:s},s:{s:s,s:s,s:s,s:s},s:{s:s,s:s,s:s,s:s},s:{s:s,s:s,s:s,s:s}}", "bearer", "type", "http",
        "scheme", "bearer", "bearerFormat", "JWT", "description", "An access token of POST /api/v1/auth/token/.",
        "session", "type", "apiKey", "in", "cookie", "name", "lc_session", "description",
        "The panel's session. It is not looked at when there is an Authorization header.", "csrf", "type", "apiKey",
        "in", "header", "name", "X-CSRFToken", "description",
        "The value of the cookie csrftoken, on requests of a session that change something.", "uploadToken", "type",
        "apiKey", "in", "header", "name", "Upload-Token", "description", "The upload token of a ticket.");
}

static json_t *tags_of(struct builder *b)
{
    json_t *list = json_array();

    for (size_t i = 0; i < tags_count; ++i)
        build_append(b, list, json_pack("{s:s,s:s}", "name", tags[i].name, "description", tags[i].text));
    return list;
}

static json_t *components_new(struct builder *b)
{
    json_t *components = json_object();

    b->schemas = json_object();
    b->examples = json_object();
    b->headers = json_object();
    b->parameters = json_object();
    build_put(b, components, "securitySchemes", security_schemes());
    build_put(b, components, "schemas", b->schemas);
    build_put(b, components, "parameters", b->parameters);
    build_put(b, components, "headers", b->headers);
    build_put(b, components, "examples", b->examples);
    build_put(b, b->schemas, "FieldErrors",
              json_pack("{s:s,s:s,s:{s:s,s:{s:s}}}", "type", "object", "description",
                        "What is wrong with which field; non_field_errors: with all of it.", "additionalProperties",
                        "type", "array", "items", "type", "string"));
    return components;
}

json_t *schema_document(char *why, size_t why_size)
{
    struct builder b = {.failed = false};
    json_t *components = components_new(&b);
    json_t *document = json_pack(
        "{s:s,s:{s:s,s:s,s:s,s:{s:s,s:s}},s:[{s:s,s:s}]}", "openapi", "3.1.0", "info", "title", "Logs Collector",
        "version", SOFTWARE_VERSION, "description",
        "Customers hand over log archives without an account; only support engineers with a second factor can read "
        "them. Times are UTC. Unknown query parameters are ignored; read-only fields that are sent are ignored.",
        "license", "name", "MIT", "identifier", "MIT", "servers", "url", "/", "description",
        "One host in front of both services.");

    build_put(&b, document, "tags", tags_of(&b));
    build_put(&b, document, "paths", paths_of(&b));
    build_put(&b, document, "components", components);
    if (!b.failed)
        return document;
    snprintf(why, why_size, "%s", b.why);
    json_decref(document);
    return NULL;
}
