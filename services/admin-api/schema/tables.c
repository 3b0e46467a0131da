/* The .def files of this folder as arrays; see tables.h. */
#include "services/admin-api/schema/tables.h"

#include <string.h>

#define COUNT(name) const size_t name##_count = sizeof(name) / sizeof(name[0]);

const struct shape shapes[] = {
#define SHAPE(name, type, format, pattern, least, most_length) {#name, type, format, pattern, least, most_length},
#include "services/admin-api/schema/shapes.def"
#undef SHAPE
};
COUNT(shapes)

const struct object objects[] = {
#define OBJECT(name, text) {#name, text},
#define PROPERTY(...)
#include "services/admin-api/schema/objects.def"
#undef PROPERTY
#undef OBJECT
};
COUNT(objects)

const struct property properties[] = {
#define OBJECT(...)
#define PROPERTY(object, name, flags, type, text) {#object, #name, flags, type, text},
#include "services/admin-api/schema/objects.def"
#undef PROPERTY
#undef OBJECT
};
COUNT(properties)

const struct parameter parameters[] = {
#define PARAMETER(key, in, name, shape, required, text) {#key, PARAMETER_##in, name, shape, required, text},
#include "services/admin-api/schema/parameters.def"
#undef PARAMETER
};
COUNT(parameters)

const struct described_resource described_resources[] = {
#define RESOURCE(name, object, tag, parameter, one, many) {#name, object, tag, parameter, one, many, resource_##name},
#include "services/admin-api/schema/resources.def"
#undef RESOURCE
};
COUNT(described_resources)

/* One file, several tables: each takes its rows and skips the others. */
#define NONE  NULL
#define JSON  "application/json"
#define FORM  "multipart/form-data"
#define BYTES "application/octet-stream"

#define TAG(...)
#define OPERATION(...)
#define GATEWAY(...)
#define BODY(...)
#define ANSWER(...)
#define REFUSES(...)
#define GATEWAY_REFUSES(...)
#define CARRIES(...)
#define ELSEWHERE(...)

const struct tag tags[] = {
#undef TAG
#define TAG(name, text) {name, text},
#include "services/admin-api/schema/operations.def"
#undef TAG
#define TAG(...)
};
COUNT(tags)

const struct operation operations[] = {
#undef OPERATION
#undef GATEWAY
#define OPERATION(id, tag, parameters, summary, text) {#id, METHOD_OTHER, NULL, tag, parameters, NULL, summary, text},
#define GATEWAY(id, method, path, tag, parameters, security, summary, text)                                            \
    {#id, METHOD_##method, path, tag, parameters, security, summary, text},
#include "services/admin-api/schema/operations.def"
#undef GATEWAY
#undef OPERATION
#define OPERATION(...)
#define GATEWAY(...)
};
COUNT(operations)

const struct operation_body operation_bodies[] = {
#undef BODY
#undef ANSWER
#define BODY(operation, media, object)                 {#operation, 0, media, object, ""},
#define ANSWER(operation, status, media, object, text) {#operation, status, media, object, text},
#include "services/admin-api/schema/operations.def"
#undef ANSWER
#undef BODY
#define BODY(...)
#define ANSWER(...)
};
COUNT(operation_bodies)

const struct operation_refusal operation_refusals[] = {
#undef REFUSES
#define REFUSES(operation, error) {#operation, API_##error},
#include "services/admin-api/schema/operations.def"
#undef REFUSES
#define REFUSES(...)
};
COUNT(operation_refusals)

const struct operation_upload_refusal operation_upload_refusals[] = {
#undef GATEWAY_REFUSES
#define GATEWAY_REFUSES(operation, error) {#operation, UPLOAD_##error},
#include "services/admin-api/schema/operations.def"
#undef GATEWAY_REFUSES
#define GATEWAY_REFUSES(...)
};
COUNT(operation_upload_refusals)

const struct operation_header operation_headers[] = {
#undef CARRIES
#define CARRIES(operation, status, parameter) {#operation, status, #parameter},
#include "services/admin-api/schema/operations.def"
#undef CARRIES
};
COUNT(operation_headers)

const struct elsewhere elsewheres[] = {
#undef ELSEWHERE
#define CARRIES(...)
#define ELSEWHERE(handler) {#handler},
#include "services/admin-api/schema/operations.def"
#undef ELSEWHERE
#undef CARRIES
};
COUNT(elsewheres)

const struct upload_refusal_row upload_refusals[UPLOAD_REFUSALS] = {
#define ERR(id, status, retry_after, field, code, text) {status, retry_after, #id, field, code, text},
#include "services/upload-gw/errors.def"
#undef ERR
};

const char *const api_error_names[API_ERRORS] = {
#define ERR(id, ...) [API_##id] = #id,
#include "services/admin-api/http/errors.def"
#undef ERR
};

#define FIND(function, type, table, key)                                                                               \
    const struct type *function(const char *name)                                                                      \
    {                                                                                                                  \
        for (size_t i = 0; i < table##_count; ++i)                                                                     \
            if (strcmp(table[i].key, name) == 0)                                                                       \
                return table + i;                                                                                      \
        return NULL;                                                                                                   \
    }

FIND(shape_find, shape, shapes, name)
FIND(object_find, object, objects, name)
FIND(parameter_find, parameter, parameters, key)
FIND(operation_find, operation, operations, id)
FIND(described_find, described_resource, described_resources, object)
