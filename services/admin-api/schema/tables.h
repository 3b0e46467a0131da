/*
 * The rows behind the published description of the API: what routes.def and the resources' descriptors do not say
 * themselves. Constant data, made from the .def files of this folder.
 */
#ifndef LC_ADMIN_SCHEMA_TABLES_H
#define LC_ADMIN_SCHEMA_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "services/admin-api/http/errors.h"
#include "services/admin-api/resources/resource.h"

struct shape {
    const char *name, *type, *format, *pattern; /* NULL: says nothing */
    int least, most_length;                     /* -1, 0: say nothing */
};

enum property_flag { OPTIONAL = 1, NULLABLE = 2, LIST = 4 };

struct object {
    const char *name, *text;
};

struct property {
    const char *object, *name;
    unsigned flags;
    const char *type, *text;
};

enum parameter_place { PARAMETER_PATH, PARAMETER_QUERY, PARAMETER_HEADER };

struct parameter {
    const char *key;
    enum parameter_place place;
    const char *name, *shape;
    bool required;
    const char *text;
};

struct tag {
    const char *name, *text;
};

struct described_resource {
    const char *name, *object, *tag, *parameter, *one, *many;
    const struct resource *(*get)(void);
};

struct operation { /* of a handler that is none of a resource's verbs, or of the gateway */
    const char *id;
    enum method method; /* METHOD_OTHER: as its route says; else it is the gateway's */
    const char *path, *tag, *parameters, *security, *summary, *text;
};

struct operation_body { /* one media type of a request's or an answer's body */
    const char *operation;
    int status;        /* 0: of the request */
    const char *media; /* NULL: no body */
    const char *object, *text;
};

struct operation_refusal {
    const char *operation;
    enum api_error error;
};

enum upload_refusal { /* rows of the gateway's errors.def */
#define ERR(id, ...) UPLOAD_##id,
#include "services/upload-gw/errors.def"
#undef ERR
                      UPLOAD_REFUSALS
};

struct upload_refusal_row {
    int status, retry_after;
    const char *id, *field, *code, *text;
};

struct operation_upload_refusal {
    const char *operation;
    enum upload_refusal error;
};

struct operation_header { /* that an answer carries */
    const char *operation;
    int status;
    const char *parameter;
};

struct elsewhere {
    const char *handler;
};

#define TABLE(type, name)                                                                                              \
    extern const struct type name[];                                                                                   \
    extern const size_t name##_count;

TABLE(shape, shapes)
TABLE(object, objects)
TABLE(property, properties)
TABLE(parameter, parameters)
TABLE(tag, tags)
TABLE(described_resource, described_resources)
TABLE(operation, operations)
TABLE(operation_body, operation_bodies)
TABLE(operation_refusal, operation_refusals)
TABLE(operation_upload_refusal, operation_upload_refusals)
TABLE(operation_header, operation_headers)
TABLE(elsewhere, elsewheres)
#undef TABLE

extern const struct upload_refusal_row upload_refusals[UPLOAD_REFUSALS];
extern const char *const api_error_names[API_ERRORS];

#define RESOURCE(name, ...) const struct resource *resource_##name(void);
#include "services/admin-api/schema/resources.def"
#undef RESOURCE

const struct shape *shape_find(const char *name);                    /* NULL: none */
const struct object *object_find(const char *name);                  /* NULL: none */
const struct parameter *parameter_find(const char *key);             /* NULL: none */
const struct operation *operation_find(const char *id);              /* NULL: none */
const struct described_resource *described_find(const char *object); /* by its object's name; NULL: none */

#endif
