/* Parts of the document that describe data: values, objects, resources and their filters, parameters. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/schema/build.h"

void build_failed(struct builder *b, const char *format, ...)
{
    va_list args;

    if (b->failed)
        return;
    b->failed = true;
    va_start(args, format);
    vsnprintf(b->why, sizeof(b->why), format, args);
    va_end(args);
}

void build_put(struct builder *b, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        build_failed(b, "out of memory");
}

void build_append(struct builder *b, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        build_failed(b, "out of memory");
}

void build_text(struct builder *b, json_t *object, const char *key, const char *text)
{
    build_put(b, object, key, json_string(text));
}

json_t *part_reference(struct builder *b, const char *kind, const char *name)
{
    json_t *reference = json_object();
    build_put(b, reference, "$ref", json_sprintf("#/components/%s/%s", kind, name));
    return reference;
}

/* --- values --- */

json_t *part_shape(struct builder *b, const char *name)
{
    const struct shape *s = shape_find(name);
    json_t *schema = json_object();

    if (s == NULL) {
        build_failed(b, "schema/shapes.def has no row \"%s\"", name);
        return schema;
    }
    build_text(b, schema, "type", s->type);
    if (s->format != NULL)
        build_text(b, schema, "format", s->format);
    if (s->pattern != NULL)
        build_text(b, schema, "pattern", s->pattern);
    if (s->least >= 0)
        build_put(b, schema, "minimum", json_integer(s->least));
    if (s->most_length > 0)
        build_put(b, schema, "maxLength", json_integer(s->most_length));
    if (strcmp(s->type, "array") == 0)
        build_put(b, schema, "items", json_pack("{s:s}", "type", "string"));
    if (strcmp(name, "bytes") == 0)
        build_text(b, schema, "contentMediaType", "application/octet-stream");
    return schema;
}

/* Takes over the schema; the same, or null. */
static json_t *or_null(struct builder *b, json_t *schema)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    json_t *both = json_array();

    if (type != NULL) {
        build_append(b, both, json_string(type));
        build_append(b, both, json_string("null"));
        build_put(b, schema, "type", both);
        return schema;
    }
    json_t *any = json_object();
    build_append(b, both, schema);
    build_append(b, both, json_pack("{s:s}", "type", "null"));
    build_put(b, any, "anyOf", both);
    return any;
}

/* --- objects --- */

static json_t *property_schema(struct builder *b, const struct property *p)
{
    json_t *schema = shape_find(p->type) != NULL ? part_shape(b, p->type) : part_object(b, p->type);

    if (p->flags & LIST) {
        json_t *list = json_pack("{s:s}", "type", "array");
        build_put(b, list, "items", schema);
        schema = list;
    }
    if (p->flags & NULLABLE)
        schema = or_null(b, schema);
    build_text(b, schema, "description", p->text); /* beside $ref too: OpenAPI 3.1 takes it */
    return schema;
}

static json_t *object_schema(struct builder *b, const struct object *o)
{
    json_t *schema = json_pack("{s:s,s:s}", "type", "object", "description", o->text);
    json_t *all = json_object(), *required = json_array();

    for (size_t i = 0; i < properties_count; ++i) {
        const struct property *p = properties + i;
        if (strcmp(p->object, o->name) != 0)
            continue;
        build_put(b, all, p->name, property_schema(b, p));
        if (!(p->flags & OPTIONAL))
            build_append(b, required, json_string(p->name));
    }
    if (json_object_size(all) > 0)
        build_put(b, schema, "properties", all);
    else
        json_decref(all);
    if (json_array_size(required) > 0)
        build_put(b, schema, "required", required);
    else
        json_decref(required);
    return schema;
}

/* --- resources --- */

static const char *const field_shapes[] = {
    [FIELD_INTEGER] = "integer", [FIELD_BOOLEAN] = "boolean", [FIELD_TEXT] = "text",
    [FIELD_TIME] = "time",       [FIELD_FILE] = "uri",        [FIELD_MADE] = NULL, /* its row says */
};

static const char *field_shape(struct builder *b, const struct field *f)
{
    if (f->shape != NULL)
        return f->shape;
    if (f->type == FIELD_REFERENCE)
        return f->lookup.is_number ? "integer" : "text";
    if ((size_t)f->type < sizeof(field_shapes) / sizeof(field_shapes[0]) && field_shapes[f->type] != NULL)
        return field_shapes[f->type];
    build_failed(b, "the field %s needs a .shape (a row of schema/shapes.def)", f->name);
    return "text";
}

static void put_bounds(struct builder *b, json_t *schema, const struct field *f)
{
    if (f->type == FIELD_INTEGER && f->min != f->max) {
        build_put(b, schema, "minimum", json_integer(f->min));
        if (f->max != INT64_MAX) /* what format: int64 says already; programs that read it as a double cannot */
            build_put(b, schema, "maximum", json_integer(f->max));
    }
    if (f->type == FIELD_TEXT && f->max > 0)
        build_put(b, schema, "maxLength", json_integer(f->max));
}

static json_t *field_schema(struct builder *b, const struct field *f, bool is_input)
{
    bool is_file = is_input && f->type == FIELD_FILE;
    json_t *schema = part_shape(b, is_file ? "bytes" : (f->rules & RULE_SLUG) ? "slug" : field_shape(b, f));

    if (is_input) {
        put_bounds(b, schema, f);
        if (f->type == FIELD_TEXT && !(f->rules & RULE_BLANK))
            build_put(b, schema, "minLength", json_integer(1));
    }
    if ((f->rules & RULE_NULLABLE) && (is_input || !(f->rules & RULE_SHOWN_SET)))
        schema = or_null(b, schema);
    if (f->doc == NULL || *f->doc == '\0')
        build_failed(b, "the field %s has no .doc", f->name);
    else
        build_text(b, schema, "description", f->doc);
    return schema;
}

static bool is_writable(const struct field *f)
{
    return f->column != NULL || f->type == FIELD_FILE || f->type == FIELD_GIVEN;
}

/* What is shown, or with `is_input` what is taken: every field that must be there as required, unless `partial`. */
static json_t *fields_schema(struct builder *b, const struct described_resource *r, bool is_input, bool partial)
{
    const struct resource *resource = r->get();
    json_t *schema = json_pack("{s:s}", "type", "object"), *all = json_object(), *required = json_array();

    for (const struct field *f = resource->fields; f < resource->fields + resource->field_count; ++f) {
        if (is_input ? !is_writable(f) : f->select == NULL)
            continue;
        build_put(b, all, f->name, field_schema(b, f, is_input));
        if (is_input ? !partial && (f->rules & RULE_REQUIRED) : !(f->rules & RULE_SHOWN_SET))
            build_append(b, required, json_string(f->name));
    }
    build_put(b, schema, "properties", all);
    if (json_array_size(required) > 0)
        build_put(b, schema, "required", required);
    else
        json_decref(required);
    return schema;
}

/* A component made at its first use. */
static json_t *component(struct builder *b, const char *name, json_t *(*make)(struct builder *b, const void *arg),
                         const void *arg)
{
    if (json_object_get(b->schemas, name) == NULL) {
        build_put(b, b->schemas, name, json_object()); /* so that it may refer to itself */
        build_put(b, b->schemas, name, make(b, arg));
    }
    return part_reference(b, "schemas", name);
}

static json_t *make_object(struct builder *b, const void *arg)
{
    return object_schema(b, arg);
}

static json_t *make_shown(struct builder *b, const void *arg)
{
    return fields_schema(b, arg, false, false);
}

static json_t *make_input(struct builder *b, const void *arg)
{
    return fields_schema(b, arg, true, false);
}

static json_t *make_change(struct builder *b, const void *arg)
{
    return fields_schema(b, arg, true, true);
}

static json_t *make_page(struct builder *b, const void *arg)
{
    const struct described_resource *r = arg;
    json_t *items = json_pack("{s:s}", "type", "array");
    build_put(b, items, "items", part_object(b, r->object));
    json_t *link = json_pack("{s:[s,s],s:s}", "type", "string", "null", "format", "uri");
    json_t *page = json_pack("{s:s,s:[s,s,s,s],s:{s:{s:s,s:i},s:O,s:o,s:o}}", "type", "object", "required", "count",
                             "next", "previous", "results", "properties", "count", "type", "integer", "minimum", 0,
                             "next", link, "previous", link, "results", items);
    if (page == NULL)
        build_failed(b, "out of memory");
    return page;
}

/* "TicketInput": what the resource takes. */
static const struct described_resource *described_input(const char *name)
{
    char object[64];
    size_t len = strlen(name), suffix = sizeof("Input") - 1;

    if (len <= suffix || strcmp(name + len - suffix, "Input") != 0)
        return NULL;
    snprintf(object, sizeof(object), "%.*s", (int)(len - suffix), name);
    return described_find(object);
}

json_t *part_shown(struct builder *b, const struct described_resource *r)
{
    return component(b, r->object, make_shown, r);
}

json_t *part_object(struct builder *b, const char *name)
{
    const struct object *o = object_find(name);
    const struct described_resource *r = described_find(name);

    if (o != NULL)
        return component(b, name, make_object, o);
    if (r != NULL)
        return part_shown(b, r);
    r = described_input(name);
    if (r != NULL)
        return part_input(b, r, false);
    build_failed(b, "schema/objects.def has no row \"%s\"", name);
    return json_object();
}

json_t *part_input(struct builder *b, const struct described_resource *r, bool partial)
{
    char name[64];
    snprintf(name, sizeof(name), "%s%s", r->object, partial ? "Change" : "Input");
    return component(b, name, partial ? make_change : make_input, r);
}

json_t *part_list(struct builder *b, const struct described_resource *r)
{
    char name[64];
    json_t *schema = json_object(), *either = json_array(), *whole = json_pack("{s:s}", "type", "array");

    snprintf(name, sizeof(name), "%sPage", r->object);
    build_put(b, whole, "items", part_object(b, r->object));
    build_append(b, either, whole);
    build_append(b, either, component(b, name, make_page, r));
    build_put(b, schema, "oneOf", either);
    return schema;
}

/* --- parameters --- */

static json_t *query_parameter(struct builder *b, const char *name, json_t *schema, bool is_list, const char *text)
{
    json_t *parameter = json_pack("{s:s,s:s,s:s}", "name", name, "in", "query", "description", text);

    if (is_list) { /* separated by commas */
        json_t *list = json_pack("{s:s}", "type", "array");
        build_put(b, list, "items", schema);
        schema = list;
        build_text(b, parameter, "style", "form");
        build_put(b, parameter, "explode", json_false());
    }
    build_put(b, parameter, "schema", schema);
    return parameter;
}

static const struct {
    const char *shape, *noun, *text; /* noun: behind the operator's word; or the whole text */
    bool is_list;
} filter_kinds[] = {
    [FILTER_NUMBER] = {"integer", "this number", NULL, false},
    [FILTER_NUMBERS] = {"integer", NULL, "Any of these numbers.", true},
    [FILTER_CONTAINS] = {"integer", NULL, "These digits somewhere in the number's.", false},
    [FILTER_BOOLEAN] = {"boolean", NULL, "Only such.", false},
    [FILTER_TEXT] = {"text", NULL, "Exactly this text.", false},
    [FILTER_TIME] = {"day_or_time", "this day or time", NULL, false},
    [FILTER_YEAR] = {"integer", "this year", NULL, false},
    [FILTER_EXISTING] = {"integer", "this number, which must exist", NULL, false},
    [FILTER_SEARCH] = {"text", NULL, "Every one of these terms, separated by spaces or commas.", false},
};

#define ANY_CASE " Upper and lower case are the same (a-z at least)."

static const char *const operators[] = {
    [OP_EQ] = "Exactly", [OP_LT] = "Less than", [OP_LE] = "At most", [OP_GT] = "More than", [OP_GE] = "At least",
};

static json_t *filter_parameter(struct builder *b, const struct filter *f)
{
    char text[128];
    size_t kind = (size_t)f->type;

    if (kind >= sizeof(filter_kinds) / sizeof(filter_kinds[0]) || filter_kinds[kind].shape == NULL) {
        build_failed(b, "the filter %s is of a type that has no row in filter_kinds (schema/parts.c)", f->name);
        return json_object();
    }
    if (filter_kinds[kind].text != NULL)
        snprintf(text, sizeof(text), "%s%s", filter_kinds[kind].text, f->any_case ? ANY_CASE : "");
    else
        snprintf(text, sizeof(text), "%s %s.", operators[f->op], filter_kinds[kind].noun);
    return query_parameter(b, f->name, part_shape(b, filter_kinds[kind].shape), filter_kinds[kind].is_list, text);
}

static json_t *ordering_parameter(struct builder *b, const struct resource *r)
{
    json_t *names = json_array(), *schema = json_pack("{s:s}", "type", "string");

    for (const struct field *f = r->fields; f < r->fields + r->field_count; ++f) {
        if (!(f->rules & RULE_SORTABLE))
            continue;
        build_append(b, names, json_string(f->name));
        build_append(b, names, json_sprintf("-%s", f->name));
    }
    build_put(b, schema, "enum", names);
    return query_parameter(b, "ordering", schema, true,
                           "By these fields, one after another; with - from the greatest.");
}

void part_filters(struct builder *b, const struct described_resource *r, json_t *list)
{
    const struct resource *resource = r->get();

    for (size_t i = 0; i < resource->filter_count; ++i)
        build_append(b, list, filter_parameter(b, resource->filters + i));
    build_append(b, list, ordering_parameter(b, resource));
    build_append(b, list, part_parameter(b, "limit"));
    build_append(b, list, part_parameter(b, "offset"));
}

static const struct parameter *known_parameter(struct builder *b, const char *key)
{
    const struct parameter *p = parameter_find(key);
    if (p == NULL)
        build_failed(b, "schema/parameters.def has no row \"%s\"", key);
    return p;
}

json_t *part_parameter(struct builder *b, const char *key)
{
    static const char *const places[] = {"path", "query", "header"};
    const struct parameter *p = known_parameter(b, key);

    if (p == NULL)
        return json_object();
    if (json_object_get(b->parameters, key) == NULL) {
        json_t *parameter = json_pack("{s:s,s:s,s:b,s:s}", "name", p->name, "in", places[p->place], "required",
                                      (int)p->required, "description", p->text);
        build_put(b, parameter, "schema", part_shape(b, p->shape));
        build_put(b, b->parameters, key, parameter);
    }
    return part_reference(b, "parameters", key);
}

json_t *part_header(struct builder *b, const char *key)
{
    const struct parameter *p = known_parameter(b, key);

    if (p == NULL)
        return json_object();
    if (json_object_get(b->headers, key) == NULL) {
        json_t *header = json_pack("{s:b,s:s}", "required", (int)p->required, "description", p->text);
        build_put(b, header, "schema", part_shape(b, p->shape));
        build_put(b, b->headers, key, header);
    }
    return part_reference(b, "headers", key);
}
