/*
 * Request bodies: JSON, or a form whose parts become strings, so that one descriptor decodes both. Files are moved
 * together inside the body itself: an upload of 8 MiB is not in memory twice.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/http/exchange.h"
#include "services/admin-api/http/json_place.h"
#include "services/admin-api/http/numbers.h"
#include "shared/http/disposition.h"
#include "shared/http/filename.h"
#include "shared/http/multipart.h"
#include "shared/http/query.h"
#include "shared/loop/server.h"

#define VALUES_MOST 50000 /* each takes some 40 bytes; a note of commas alone has a fifth of them */
#define JSON_FLAGS  (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL)

static bool is_type(struct span value, const char *type)
{
    const char *end = memchr(value.data, ';', value.len);
    struct span bare = {value.data, end == NULL ? value.len : (size_t)(end - value.data)};

    while (bare.len > 0 && (bare.data[bare.len - 1] == ' ' || bare.data[bare.len - 1] == '\t'))
        --bare.len;
    return span_equals_nocase(bare, type);
}

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_ARRAY:
        return "list";
    case JSON_STRING:
        return "str";
    case JSON_INTEGER:
        return "int";
    case JSON_REAL:
        return "float";
    case JSON_NULL:
        return "NoneType";
    default:
        return "bool";
    }
}

static int refuse_kind(struct exchange *x, const json_t *value)
{
    char message[96];
    json_t *errors = json_object();
    snprintf(message, sizeof(message), "Invalid data. Expected a dictionary, but got %s.", kind_of(value));
    const char *text = json_is_null(value) ? "No data provided" : message;
    if (errors == NULL || field_error(errors, "non_field_errors", text) < 0) {
        json_decref(errors);
        return -ENOMEM;
    }
    return answer_fields(x, errors);
}

/* A NUL behind a value is the end to jansson, whatever follows. */
static json_t *load(const char *text, size_t len, json_error_t *error)
{
    json_t *value = json_loadb(text, len, JSON_FLAGS, error);
    if (value == NULL || memchr(text, '\0', len) == NULL)
        return value;
    json_decref(value);
    snprintf(error->text, sizeof(error->text), "A NUL stands behind the value");
    return NULL;
}

/* Numbers beyond what can be read become texts, so that the field they are for can say what is wrong with them. */
static json_t *parse(const char *text, size_t len, json_error_t *error)
{
    json_t *value = load(text, len, error);
    if (value != NULL || json_error_code(error) != json_error_numeric_overflow)
        return value;
    size_t quoted_len;
    char *quoted = numbers_quoted(text, len, &quoted_len);
    if (quoted == NULL)
        return NULL;
    value = load(quoted, quoted_len, error);
    free(quoted);
    return value;
}

/* What jansson alone minds (a key twice, half a surrogate, NaN) is where jansson says. */
static int refuse_text(struct exchange *x, const char *text, size_t len, const json_error_t *error)
{
    char what[256];
    struct json_place p;

    if (json_place(text, len, &p) == 1)
        snprintf(what, sizeof(what), "%s: line %zu column %zu (char %zu)", p.what, p.line, p.column, p.place);
    else
        snprintf(what, sizeof(what), "%.150s: line %d column %d (char %d)", error->text, error->line, error->column + 1,
                 error->position);
    return answer_error(x, API_PARSE, what);
}

/* No fewer than its values, whatever stands in strings. */
static size_t most_values(const char *text, size_t len)
{
    size_t n = 1;
    for (size_t i = 0; i < len; ++i)
        n += text[i] == ',' || text[i] == '[' || text[i] == '{';
    return n;
}

static int read_json(struct exchange *x, const char *text, size_t len, json_t **out)
{
    json_error_t error = {.line = 0};
    if (most_values(text, len) > VALUES_MOST)
        return answer_error(x, API_PARSE, "More values than any request has");
    json_t *value = parse(text, len, &error);
    int err;

    if (value == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory)
            return -ENOMEM;
        return refuse_text(x, text, len, &error);
    }
    if (!json_is_object(value)) {
        err = refuse_kind(x, value);
        json_decref(value);
        return err;
    }
    *out = value;
    return 1;
}

/* --- multipart/form-data --- */

struct form {
    struct exchange *x;
    struct multipart *machine;
    json_t *values;
    char *at;   /* where the next payload goes: never beyond what was read */
    char *part; /* where the current part began */
    bool is_file, is_skipped;
    char *name;      /* of the part: the machine forgets it at the part's end */
    char *file_name; /* kept by the exchange */
};

static int begin_part(struct form *f)
{
    const char *name = multipart_name(f->machine), *file = multipart_filename(f->machine);

    f->part = f->at;
    f->is_file = name != NULL && file != NULL && strcmp(name, "file") == 0 && file[0] != '\0';
    f->is_skipped = name == NULL || (file != NULL && !f->is_file);
    if (!f->is_file && !f->is_skipped) {
        free(f->name);
        f->name = strdup(name);
        return f->name == NULL ? -ENOMEM : 0;
    }
    if (f->is_skipped)
        return 0;
    free(f->file_name);
    f->file_name = strdup(file);
    return f->file_name == NULL ? -ENOMEM : 0;
}

/* 0, or -EILSEQ: not UTF-8, -ENOMEM. */
static int end_part(struct form *f)
{
    size_t len = (size_t)(f->at - f->part);

    if (f->is_file) {
        f->x->file = (struct body_file){.name = f->file_name, .data = f->part, .len = len};
        return 0;
    }
    if (f->is_skipped)
        return 0;
    json_t *value = json_stringn(f->part, len);
    f->at = f->part;
    if (value == NULL || json_object_set_new(f->values, f->name, value) < 0)
        return -EILSEQ;
    return 0;
}

/* 1 at the end, 0 to go on, negative. *why: of -EBADMSG. */
static int take_step(struct form *f, const char **data, size_t *len, const char **why)
{
    const char *payload;
    size_t payload_len;

    switch (multipart_next(f->machine, data, len, &payload, &payload_len)) {
    case MULTIPART_PART:
        return begin_part(f);
    case MULTIPART_DATA:
        assert(f->at != NULL); /* no data of an empty body */
        memmove(f->at, payload, payload_len);
        f->at += payload_len;
        return 0;
    case MULTIPART_PART_END:
        *why = "a part is not UTF-8";
        return end_part(f);
    case MULTIPART_END:
        return 1;
    case MULTIPART_MORE:
        *why = "the body ended early";
        return *len > 0 ? 0 : -EBADMSG;
    default:
        *why = multipart_why(f->machine);
        return -EBADMSG;
    }
}

static int read_form(struct exchange *x, struct span type, char *body, size_t len, json_t **out)
{
    const char *why = NULL, *data = body;
    struct form f = {.x = x, .at = body, .machine = multipart_new(type, &why), .values = json_object()};
    int err = f.values == NULL || (f.machine == NULL && why == NULL) ? -ENOMEM : 0;

    if (err == 0 && f.machine == NULL) {
        why = "Invalid boundary in multipart: None";
        err = -EBADMSG;
    }
    while (err == 0)
        err = take_step(&f, &data, &len, &why);
    multipart_free(f.machine);
    free(f.name);
    x->file_name = f.file_name;
    if (err == 1) {
        x->is_form = true;
        *out = f.values;
        return 1;
    }
    json_decref(f.values);
    return err == -ENOMEM ? err : answer_error(x, API_MULTIPART, why);
}

/* --- what only a place for files takes --- */

static int read_urlencoded(struct exchange *x, const char *body, size_t len, json_t **out)
{
    const char *why = NULL;
    struct query *q = NULL;
    json_t *values = json_object();
    int err = values == NULL ? -ENOMEM : query_parse((struct span){body, len}, &q, &why), bad = 0;

    for (size_t i = 0; err == 0 && i < query_count(q); ++i)
        bad |= json_object_set_new(values, query_at(q, i)->key, json_string(query_at(q, i)->value));
    if (err == 0) {
        query_free(q);
        err = bad != 0 ? -ENOMEM : 1;
    }
    if (err < 0) {
        json_decref(values);
        return err == -ENOMEM ? err : answer_error(x, API_BAD_FORM, err == -E2BIG ? "more than 500 fields" : why);
    }
    x->is_form = true;
    *out = values;
    return 1;
}

/* The body is the file, Content-Disposition names it. */
static int read_raw(struct exchange *x, const char *body, size_t len, json_t **out)
{
    char name[4 * FILENAME_SIZE];
    const struct span *disposition = exchange_header(x, "content-disposition");
    ssize_t n = disposition == NULL ? -ENOENT : disposition_param(*disposition, "filename", false, name, sizeof(name));

    if (n <= 0)
        return answer_error(x, API_MISSING_FILENAME, NULL);
    free(x->file_name);
    x->file_name = strdup(name);
    *out = json_object();
    if (x->file_name == NULL || *out == NULL) {
        json_decref(*out);
        return -ENOMEM;
    }
    x->file = (struct body_file){.name = x->file_name, .data = body, .len = len};
    return 1;
}

/* The types that every place takes; -ENOMSG: another one. */
static int read_known(struct exchange *x, const struct span *type, char *body, size_t len, json_t **out)
{
    if (len == 0) {
        *out = json_object();
        return *out == NULL ? -ENOMEM : 1;
    }
    if (type != NULL && is_type(*type, "application/json"))
        return read_json(x, body, len, out);
    if (type != NULL && is_type(*type, "multipart/form-data"))
        return read_form(x, *type, body, len, out);
    return -ENOMSG;
}

int exchange_body(struct exchange *x, json_t **out)
{
    size_t len;
    char *body = server_body(x->call, &len);
    const struct span *type = exchange_header(x, "content-type");
    char what[256];
    int err = read_known(x, type, body, len, out);

    if (err != -ENOMSG)
        return err;
    snprintf(what, sizeof(what), "%.*s", type == NULL ? 0 : (int)(type->len < 200 ? type->len : 200),
             type == NULL ? "" : type->data);
    return answer_error(x, API_MEDIA_TYPE, what);
}

int exchange_file_body(struct exchange *x, json_t **out)
{
    size_t len;
    char *body = server_body(x->call, &len);
    const struct span *type = exchange_header(x, "content-type");
    int err = read_known(x, type, body, len, out);

    if (err != -ENOMSG)
        return err;
    if (type != NULL && is_type(*type, "application/x-www-form-urlencoded"))
        return read_urlencoded(x, body, len, out);
    return read_raw(x, body, len, out);
}
