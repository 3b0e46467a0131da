/* The published document covers every route of both services, and says by name what has no description. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/admin-api/schema/build.h"
#include "services/admin-api/schema/yaml.h"

static int make_document(void **state)
{
    char why[256] = "out of memory";
    json_t *document = schema_document(why, sizeof(why));

    if (document == NULL)
        print_error("the API's description is not complete: %s\n", why);
    *state = document;
    return document == NULL ? -1 : 0;
}

static int free_document(void **state)
{
    json_decref(*state);
    return 0;
}

static json_t *operation_by_id(json_t *document, const char *id)
{
    const char *path, *method;
    json_t *item, *operation;

    json_object_foreach (json_object_get(document, "paths"), path, item)
        json_object_foreach (item, method, operation)
            if (strcmp(json_string_value(json_object_get(operation, "operationId")), id) == 0)
                return operation;
    return NULL;
}

static bool is_elsewhere(const char *handler)
{
    for (size_t i = 0; i < elsewheres_count; ++i)
        if (strcmp(elsewheres[i].handler, handler) == 0)
            return true;
    return false;
}

static void test_every_route_is_described(void **state)
{
    size_t count, described = 0;
    const struct route *routes = route_table(&count);

    for (size_t i = 0; i < count; ++i) {
        bool is_page = routes[i].thread == ROUTE_PAGE && strncmp(routes[i].path, "/api/", 5) != 0;
        if (is_page || is_elsewhere(routes[i].name))
            continue;
        ++described;
        if (operation_by_id(*state, routes[i].name) == NULL)
            fail_msg("%s (%s) is not in the document", routes[i].path, routes[i].name);
    }
    assert_true(described > 20);
}

/* Every operation is a route's or a row of the gateway's; and none has lost its route. */
static void test_nothing_else_is_described(void **state)
{
    const char *path, *method;
    json_t *item, *operation;
    size_t count;
    const struct route *routes = route_table(&count);

    json_object_foreach (json_object_get(*state, "paths"), path, item)
        json_object_foreach (item, method, operation) {
            const char *id = json_string_value(json_object_get(operation, "operationId"));
            const struct operation *row = operation_find(id);
            bool found = row != NULL && row->method != METHOD_OTHER;
            for (size_t i = 0; i < count && !found; ++i)
                found = strcmp(routes[i].name, id) == 0;
            if (!found)
                fail_msg("%s %s (%s) has no route", method, path, id);
        }
    for (size_t i = 0; i < operations_count; ++i)
        if (operation_by_id(*state, operations[i].id) == NULL)
            fail_msg("operations.def: %s has no route any more", operations[i].id);
}

/* Each row of the additional tables belongs to an operation there is. */
static void test_rows_belong_to_operations(void **state)
{
    for (size_t i = 0; i < operation_bodies_count; ++i)
        assert_non_null(operation_by_id(*state, operation_bodies[i].operation));
    for (size_t i = 0; i < operation_refusals_count; ++i)
        assert_non_null(operation_by_id(*state, operation_refusals[i].operation));
    for (size_t i = 0; i < operation_upload_refusals_count; ++i)
        assert_non_null(operation_by_id(*state, operation_upload_refusals[i].operation));
    for (size_t i = 0; i < elsewheres_count; ++i)
        assert_null(operation_by_id(*state, elsewheres[i].handler));
    for (size_t i = 0; i < operation_headers_count; ++i)
        assert_non_null(operation_by_id(*state, operation_headers[i].operation));
}

/* --- the gateway's routes --- */

struct gateway_row { /* one method of a row of the gateway's routes.def */
    const char *port, *match, *path, *method, *handler;
};

static const struct gateway_row gateway_rows[] = {
#define ROUTE(port, match, path, get, head, post, put)                                                                 \
    {#port, #match, path, "get", #get}, {#port, #match, path, "head", #head}, {#port, #match, path, "post", #post},    \
        {#port, #match, path, "put", #put},
#define ROUTE_TUS(match, path, head, post, patch, delete)                                                              \
    {"PUBLIC", #match, path, "head", #head}, {"PUBLIC", #match, path, "post", #post},                                  \
        {"PUBLIC", #match, path, "patch", #patch}, {"PUBLIC", #match, path, "delete", #delete},
#include "services/upload-gw/routes.def"
#undef ROUTE_TUS
#undef ROUTE
};

static bool is_api(const struct gateway_row *row)
{
    bool page = strcmp(row->handler, "NULL") == 0 || strncmp(row->handler, "serve_", 6) == 0;
    return strcmp(row->port, "PUBLIC") == 0 && !page;
}

/* HEAD goes with GET, and a path without its last slash with the one that has it. */
static bool is_described(const json_t *paths, const struct gateway_row *row)
{
    const char *path;
    json_t *item;
    size_t len = strlen(row->path);
    union {
        const json_t *in;
        json_t *out;
    } all = {.in = paths};

    json_object_foreach (all.out, path, item) {
        bool prefix = strcmp(row->match, "PREFIX") == 0;
        bool same =
            strncmp(path, row->path, len) == 0 && (prefix ? path[len] == '{' : path[len + (path[len] == '/')] == '\0');
        if (same && (json_object_get(item, row->method) != NULL ||
                     (strcmp(row->method, "head") == 0 && json_object_get(item, "get") != NULL)))
            return true;
    }
    return false;
}

static void test_every_route_of_the_gateway_is_described(void **state)
{
    for (size_t i = 0; i < sizeof(gateway_rows) / sizeof(gateway_rows[0]); ++i)
        if (is_api(gateway_rows + i) && !is_described(json_object_get(*state, "paths"), gateway_rows + i))
            fail_msg("%s %s of the gateway is not in the document: GATEWAY(…) in schema/operations.def",
                     gateway_rows[i].method, gateway_rows[i].path);
}

/* --- what is missing is named --- */

static void expect_complaint(struct builder *b, json_t *part, const char *words)
{
    json_decref(part);
    assert_true(b->failed);
    if (strstr(b->why, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", b->why, words);
    b->failed = false;
}

/* A field without doc, and one that its type says nothing about. */
static const struct field fields[] = {{.name = "silent", .type = FIELD_TEXT, .select = "x"},
                                      {.name = "odd", .type = FIELD_MADE, .select = "y", .doc = "Odd."}};
static const struct resource silent = {.fields = fields, .field_count = 1},
                             odd = {.fields = fields + 1, .field_count = 1};

static const struct resource *get_silent(void)
{
    return &silent;
}

static const struct resource *get_odd(void)
{
    return &odd;
}

static void test_what_is_missing_is_named(void **state)
{
    const struct described_resource rows[] = {{.object = "Silent", .get = get_silent},
                                              {.object = "Odd", .get = get_odd}};
    struct builder b = {.schemas = json_object(), .parameters = json_object()};
    (void)state;

    expect_complaint(&b, part_object(&b, "Nobody"), "objects.def has no row \"Nobody\"");
    expect_complaint(&b, part_shape(&b, "nowhere"), "shapes.def has no row \"nowhere\"");
    expect_complaint(&b, part_parameter(&b, "no_key"), "parameters.def has no row \"no_key\"");
    expect_complaint(&b, part_shown(&b, rows), "silent has no .doc");
    expect_complaint(&b, part_shown(&b, rows + 1), "odd needs a .shape");
    json_decref(b.schemas);
    json_decref(b.parameters);
}

/* --- YAML --- */

static void test_yaml(void **state)
{
    json_t *value = json_pack("{s:s,s:s,s:s,s:s,s:i,s:n,s:b,s:[s,{s:i,s:[]},[i]],s:{},s:s}", "plain", "two words", "no",
                              "yes", "colon", "a: b", "$ref", "#/x", "n", 12, "null", "on", 1, "list", "1.0", "a", 1,
                              "b", 2, "empty", "text", "a\n\"b\"");
    char *text = yaml_dumps(value);
    (void)state;

    assert_string_equal(text, "---\n"
                              "plain: two words\n"
                              "\"no\": \"yes\"\n"
                              "colon: \"a: b\"\n"
                              "\"$ref\": \"#/x\"\n"
                              "\"n\": 12\n"
                              "\"null\": null\n"
                              "\"on\": true\n"
                              "list:\n"
                              "  - \"1.0\"\n"
                              "  - a: 1\n"
                              "    b: []\n"
                              "  -\n"
                              "    - 2\n"
                              "empty: {}\n"
                              "text: \"a\\n\\\"b\\\"\"\n");
    free(text);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_described),
        cmocka_unit_test(test_nothing_else_is_described),
        cmocka_unit_test(test_rows_belong_to_operations),
        cmocka_unit_test(test_every_route_of_the_gateway_is_described),
        cmocka_unit_test(test_what_is_missing_is_named),
        cmocka_unit_test(test_yaml),
    };
    return cmocka_run_group_tests(tests, make_document, free_document);
}
