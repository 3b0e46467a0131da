/*
 * A document under construction. Functions that make a part return it, the caller owns it; what is missing in the
 * tables or in memory is noted once in the builder, so that callers need not look after each step.
 */
#ifndef LC_ADMIN_SCHEMA_BUILD_H
#define LC_ADMIN_SCHEMA_BUILD_H

#include <jansson.h>

#include "services/admin-api/http/routes.h"
#include "services/admin-api/schema/tables.h"

struct builder {
    json_t *schemas, *examples, *headers, *parameters; /* the document's components; borrowed */
    bool failed;
    char why[256]; /* the first thing that is missing, and where it belongs */
};

void build_failed(struct builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes over the value; NULL fails the builder. */
void build_put(struct builder *b, json_t *object, const char *key, json_t *value);
void build_append(struct builder *b, json_t *array, json_t *value);
void build_text(struct builder *b, json_t *object, const char *key, const char *text);

/* --- parts.c: values, objects, resources, parameters --- */
json_t *part_shape(struct builder *b, const char *shape);
json_t *part_reference(struct builder *b, const char *kind, const char *name); /* {"$ref":"#/components/kind/name"} */
/* What an object's name stands for: a row of objects.def, or a resource; makes its components at first use. */
json_t *part_object(struct builder *b, const char *name);
json_t *part_shown(struct builder *b, const struct described_resource *r);
/* What a resource takes: all of it, or with `partial` any part. */
json_t *part_input(struct builder *b, const struct described_resource *r, bool partial);
json_t *part_list(struct builder *b, const struct described_resource *r);
json_t *part_parameter(struct builder *b, const char *key);
json_t *part_header(struct builder *b, const char *key); /* of an answer */
void part_filters(struct builder *b, const struct described_resource *r, json_t *list);

/* --- refusals.c: what an operation may be refused --- */
struct refusals {
    bool errors[API_ERRORS], uploads[UPLOAD_REFUSALS];
    bool fields; /* 400 with messages by field too */
};
void refusals_of_route(const struct route *route, const struct described_resource *r, struct refusals *out);
void refusals_of_gateway(struct refusals *out);
void refusals_of_rows(const char *operation, struct refusals *out);
void refusals_put(struct builder *b, const struct refusals *refusals, json_t *responses);

/* --- document.c --- */
/* The whole document, or NULL with `why`: memory, or a route, field or row that is not described. */
json_t *schema_document(char *why, size_t why_size) __attribute__((warn_unused_result));

#endif
