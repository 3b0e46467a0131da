/* Get, create, update, delete: generic over descriptors. Each write is one transaction that may be repeated. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/http/etag.h"
#include "services/admin-api/http/trail.h"
#include "services/admin-api/resources/decode.h"
#include "services/admin-api/resources/row.h"
#include "services/admin-api/storage/storage.h"

int resource_get(struct exchange *x, const struct resource *r)
{
    struct db_conn *c;
    json_t *object = NULL;
    int64_t id = 0;
    int found = exchange_db(x, &c);

    if (found == 0)
        found = row_find(x, r, c, &id);
    if (found == 1 && r->before_read != NULL) {
        int err = r->before_read(x, c, id);
        if (err < 0)
            return err;
    }
    if (found == 1)
        found = row_load(x, r, c, id, &object);
    if (found < 1)
        return found < 0 ? found : answer_error(x, API_NOT_FOUND, NULL);
    return answer_json(x, 200, object);
}

/* --- hooks' view of a write --- */

static const struct field *field_of(const struct resource *r, const char *name)
{
    for (const struct field *f = r->fields; f < r->fields + r->field_count; ++f)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

const struct input *write_input(const struct write *w, const char *field)
{
    const struct field *f = field_of(w->resource, field);
    return f == NULL ? NULL : w->inputs + (f - w->resource->fields);
}

int write_set(struct write *w, const char *column, struct db_value value)
{
    if (w->set_count == WRITE_SETS)
        return -E2BIG;
    w->sets[w->set_count++] = (struct assignment){column, value};
    return 0;
}

int write_set_int(struct write *w, const char *column, int64_t value)
{
    return write_set(w, column, (struct db_value){.kind = DB_INT, .integer = value});
}

int write_set_text(struct write *w, const char *column, const char *value)
{
    return write_set(w, column, (struct db_value){.kind = DB_TEXT, .bytes = value, .len = strlen(value)});
}

const struct db_value *write_column(const struct write *w, const char *column)
{
    for (size_t i = 0; i < w->set_count; ++i)
        if (strcmp(w->sets[i].column, column) == 0)
            return &w->sets[i].value;
    return NULL;
}

/* --- decoding --- */

static bool is_writable(const struct field *f)
{
    return f->column != NULL || f->type == FIELD_FILE || f->type == FIELD_GIVEN;
}

/* An empty part of a form means null, or nothing, to all but texts; in JSON it is an empty text like any other. */
static bool is_empty_part(const struct write *w, const struct field *f, const json_t *given)
{
    return w->x->is_form && f->type != FIELD_TEXT && json_is_string(given) && json_string_length(given) == 0;
}

static int decode_one(struct write *w, const struct field *f)
{
    struct input *in = w->inputs + (f - w->resource->fields);
    const json_t *given = json_object_get(w->body, f->name);

    if (f->type == FIELD_FILE && w->x->file.data != NULL) {
        in->given = in->valid = true;
        return 0;
    }
    if (given != NULL && f->type == FIELD_GIVEN) {
        in->given = true;
        return 0;
    }
    if (given == NULL && (f->rules & RULE_CHECKBOX) && w->x->is_form && !w->partial)
        given = json_false();
    if (is_empty_part(w, f, given))
        given = f->rules & RULE_NULLABLE ? json_null() : f->rules & RULE_REQUIRED ? given : NULL;
    if (given != NULL)
        return field_decode(f, given, in, w->decode_errors);
    if (w->partial || !(f->rules & RULE_REQUIRED))
        return 0;
    return field_error(w->decode_errors, f->name,
                       f->type == FIELD_FILE ? "No file was submitted." : "This field is required.");
}

static int decode(struct write *w)
{
    int err = 0;

    w->decode_errors = json_object();
    if (w->decode_errors == NULL)
        return -ENOMEM;
    for (const struct field *f = w->resource->fields; err == 0 && f < w->resource->fields + w->resource->field_count;
         ++f)
        if (is_writable(f))
            err = decode_one(w, f);
    return err;
}

/* --- inside the transaction --- */

static int resolve_reference(struct write *w, struct db_conn *c, const struct field *f)
{
    const struct input *in = w->inputs + (f - w->resource->fields);
    int64_t id;
    struct sql *s = sql_new();

    if (s == NULL)
        return -ENOMEM;
    sql_add(s, f->lookup.sql);
    sql_value(s, in->value);
    int found = sql_one_int(c, s, &id);
    sql_free(s);
    if (found < 0)
        return found;
    if (found == 1)
        return write_set_int(w, f->column, id);
    return reference_missing(f, in->owned, w->errors);
}

static int taken(struct write *w, const struct field *f)
{
    char message[128];
    snprintf(message, sizeof(message), "%s with this %s already exists.", w->resource->label, f->name);
    return field_error(w->errors, f->name, message);
}

static int check_unique(struct write *w, struct db_conn *c, const struct field *f)
{
    int64_t id;
    struct sql *s = sql_new();

    if (s == NULL)
        return -ENOMEM;
    sql_add(s, "SELECT id FROM ");
    sql_add(s, w->resource->table);
    sql_add(s, " WHERE ");
    sql_add(s, f->column);
    sql_add(s, " = ");
    sql_value(s, w->inputs[f - w->resource->fields].value);
    int found = sql_one_int(c, s, &id);
    sql_free(s);
    if (found < 0)
        return found;
    return found == 1 && id != w->id ? taken(w, f) : 0;
}

static int assign(struct write *w, struct db_conn *c)
{
    int err = 0;

    for (const struct field *f = w->resource->fields; err == 0 && f < w->resource->fields + w->resource->field_count;
         ++f) {
        const struct input *in = w->inputs + (f - w->resource->fields);
        if (!in->given || !in->valid || f->type == FIELD_FILE)
            continue;
        if (f->type == FIELD_REFERENCE) {
            err = resolve_reference(w, c, f);
            continue;
        }
        if (f->rules & RULE_UNIQUE)
            err = check_unique(w, c, f);
        if (err == 0)
            err = write_set(w, f->column, in->value);
    }
    return err;
}

static int insert(struct write *w, struct db_conn *c)
{
    struct sql *s = sql_new();

    if (s == NULL)
        return -ENOMEM;
    sql_add(s, "INSERT INTO ");
    sql_add(s, w->resource->table);
    for (size_t i = 0; i < w->set_count; ++i) {
        sql_add(s, i == 0 ? " (" : ", ");
        sql_add(s, w->sets[i].column);
    }
    for (size_t i = 0; i < w->set_count; ++i) {
        sql_add(s, i == 0 ? ") VALUES (" : ", ");
        sql_value(s, w->sets[i].value);
    }
    sql_add(s, ") RETURNING id");
    int found = sql_one_int(c, s, &w->id);
    sql_free(s);
    return found < 0 ? found : 0;
}

static int update(struct write *w, struct db_conn *c)
{
    const char *touch = w->resource->touch;
    struct sql *s;

    if (w->set_count == 0 && touch == NULL)
        return 0;
    s = sql_new();
    if (s == NULL)
        return -ENOMEM;
    sql_add(s, "UPDATE ");
    sql_add(s, w->resource->table);
    sql_add(s, " SET ");
    for (size_t i = 0; i < w->set_count; ++i) {
        sql_add(s, i == 0 ? "" : ", ");
        sql_add(s, w->sets[i].column);
        sql_add(s, " = ");
        sql_value(s, w->sets[i].value);
    }
    if (touch != NULL) {
        sql_add(s, w->set_count == 0 ? "" : ", ");
        sql_add(s, touch);
    }
    sql_add(s, " WHERE id = ");
    sql_int(s, w->id);
    int64_t changed = sql_exec(c, s);
    sql_free(s);
    return changed < 0 ? (int)changed : 0;
}

int resource_is_unchanged(const struct exchange *x, const struct resource *r, struct db_conn *c, int64_t id)
{
    const struct span *wanted = exchange_header(x, "if-match");
    char tag[ETAG_SIZE];
    json_t *object;

    if (wanted == NULL)
        return 1;
    int found = row_load(x, r, c, id, &object);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (found < 1 || text == NULL)
        return found < 0 ? found : found == 1 ? -ENOMEM : 0;
    etag_of(text, strlen(text), tag);
    free(text);
    return etag_is_listed(*wanted, tag, false);
}

static void reset_attempt(struct write *w)
{
    json_decref(w->errors);
    json_decref(w->result);
    w->errors = json_deep_copy(w->decode_errors);
    w->result = NULL;
    w->set_count = 0;
    w->outcome = WRITE_DONE;
}

/* In the audit log: "access_token.create" and the object as its path calls it. */
static int note(const struct exchange *x, const struct resource *r, struct db_conn *c, const char *verb,
                const char *object)
{
    char action[64];

    snprintf(action, sizeof(action), "%s.%s", r->label, verb);
    for (char *at = action; *at != '\0'; ++at)
        *at = (char)(*at == ' ' ? '_' : *at);
    return trail_add(x, c, action, object, AUDIT_OK);
}

/* What the path of a new object will call it. */
static int note_created(const struct write *w, struct db_conn *c)
{
    const json_t *key = NULL;
    char number[24];

    for (const struct field *f = w->resource->fields; f < w->resource->fields + w->resource->field_count; ++f)
        if (f->select != NULL && strcmp(f->select, w->resource->key) == 0)
            key = json_object_get(w->result, f->name);
    snprintf(number, sizeof(number), "%" PRId64, (int64_t)json_integer_value(key));
    return note(w->x, w->resource, c, "create", json_is_string(key) ? json_string_value(key) : number);
}

static int write_rows(struct write *w, struct db_conn *c, bool is_insert)
{
    const struct resource *r = w->resource;
    int err = assign(w, c);

    if (err == 0 && r->before_write != NULL)
        err = r->before_write(w, c);
    if (err == 0 && json_object_size(w->errors) > 0) {
        w->outcome = WRITE_INVALID;
        return 0;
    }
    if (err == 0)
        err = is_insert ? insert(w, c) : update(w, c);
    if (err == 0 && r->after_write != NULL)
        err = r->after_write(w, c);
    if (err == 0)
        err = row_load(w->x, r, c, w->id, &w->result);
    if (err < 0)
        return err;
    return is_insert ? note_created(w, c) : note(w->x, r, c, "update", w->x->params[0]);
}

static int create_body(struct db_conn *c, void *arg)
{
    struct write *w = arg;
    reset_attempt(w);
    w->id = 0;
    return w->errors == NULL ? -ENOMEM : write_rows(w, c, true);
}

static int update_body(struct db_conn *c, void *arg)
{
    struct write *w = arg;

    reset_attempt(w);
    if (w->errors == NULL)
        return -ENOMEM;
    int found = row_find(w->x, w->resource, c, &w->id);
    if (found < 1) {
        w->outcome = WRITE_NOT_FOUND;
        return found;
    }
    found = resource_is_unchanged(w->x, w->resource, c, w->id);
    if (found < 1) {
        w->outcome = WRITE_PRECONDITION;
        return found;
    }
    return write_rows(w, c, false);
}

/* --- around it --- */

/* Somebody else was faster with a value that must be unique: the same words as if we had seen it. */
static int explain_conflict(struct write *w, struct db_conn *c)
{
    const char *dot = strchr(db_conflict(c), '.');

    for (const struct field *f = w->resource->fields; dot != NULL && f < w->resource->fields + w->resource->field_count;
         ++f) {
        if (!(f->rules & RULE_UNIQUE) || strcmp(f->column, dot + 1) != 0)
            continue;
        w->outcome = WRITE_INVALID;
        return taken(w, f);
    }
    return -EEXIST;
}

/* The errors in the order of the fields, whatever found them. NULL: memory. */
static json_t *errors_in_order(struct write *w)
{
    json_t *ordered = json_object();
    int bad = ordered == NULL ? -1 : 0;

    for (const struct field *f = w->resource->fields; f < w->resource->fields + w->resource->field_count; ++f) {
        json_t *messages = json_object_get(w->errors, f->name);
        if (messages != NULL && bad == 0)
            bad = json_object_set(ordered, f->name, messages);
    }
    if (bad == 0)
        bad = json_object_update_missing(ordered, w->errors);
    if (bad == 0)
        return ordered;
    json_decref(ordered);
    return NULL;
}

static int answer_write(struct write *w, int status)
{
    json_t *body = NULL;

    switch (w->outcome) {
    case WRITE_NOT_FOUND:
        return answer_error(w->x, API_NOT_FOUND, NULL);
    case WRITE_PRECONDITION:
        return answer_error(w->x, API_PRECONDITION, NULL);
    case WRITE_INVALID:
        body = errors_in_order(w);
        return body == NULL ? -ENOMEM : answer_fields(w->x, body);
    default:
        body = w->result;
        w->result = NULL;
        return w->x->method == METHOD_PATCH ? answer_current(w->x, body) : answer_json(w->x, status, body);
    }
}

static int run(struct write *w, struct db_conn *c, int (*body)(struct db_conn *c, void *arg), int status)
{
    const struct resource *r = w->resource;
    int err = decode(w);

    if (err == 0 && r->validate != NULL)
        err = r->validate(w, c);
    if (err == 0 && r->before_transaction != NULL && json_object_size(w->decode_errors) == 0) {
        err = r->before_transaction(w, c);
        if (err < 1)
            return err;
        err = 0;
    }
    if (err == 0)
        err = db_transaction(c, body, w);
    if (err == -EEXIST)
        err = explain_conflict(w, c);
    bool done = err == 0 && w->outcome == WRITE_DONE;
    if (done && r->committed != NULL)
        r->committed(w, c);
    if (!done && r->failed != NULL)
        r->failed(w, c);
    return err < 0 ? err : answer_write(w, status);
}

static void write_free(struct write *w)
{
    for (size_t i = 0; i < RESOURCE_FIELDS; ++i)
        free(w->inputs[i].owned);
    json_decref(w->body);
    json_decref(w->decode_errors);
    json_decref(w->errors);
    json_decref(w->result);
    free(w);
}

static struct write *write_new(struct exchange *x, const struct resource *r, bool partial)
{
    struct write *w = calloc(1, sizeof(*w));
    if (w != NULL) {
        w->x = x;
        w->resource = r;
        w->partial = partial;
    }
    return w;
}

int resource_create(struct exchange *x, const struct resource *r)
{
    struct db_conn *c;
    struct write *w = write_new(x, r, false);
    int err = w == NULL ? -ENOMEM : r->tells_secret ? answer_header(x, "Cache-Control", "no-store") : 0;

    if (err == 0)
        err = exchange_body(x, &w->body);
    if (err == 1) {
        err = exchange_db(x, &c);
        if (err == 0)
            err = run(w, c, create_body, 201);
    }
    if (w != NULL)
        write_free(w);
    return err;
}

/* An unknown object is 404 whatever the body is; so it is looked for first, and again in the transaction. */
static int change(struct exchange *x, const struct resource *r, bool partial)
{
    struct db_conn *c;
    int64_t id = 0;
    int err = exchange_db(x, &c);

    if (err == 0)
        err = row_find(x, r, c, &id);
    if (err < 1)
        return err < 0 ? err : answer_error(x, API_NOT_FOUND, NULL);
    if (r->before_read != NULL && (err = r->before_read(x, c, id)) < 0)
        return err;
    struct write *w = write_new(x, r, partial);
    err = w == NULL ? -ENOMEM : r->takes_files ? exchange_file_body(x, &w->body) : exchange_body(x, &w->body);
    if (err == 1)
        err = run(w, c, update_body, 200);
    if (w != NULL)
        write_free(w);
    return err;
}

int resource_put(struct exchange *x, const struct resource *r)
{
    return change(x, r, false);
}

int resource_patch(struct exchange *x, const struct resource *r)
{
    return change(x, r, true);
}

/* --- delete --- */

struct removal {
    struct exchange *x;
    const struct resource *resource;
    bool found, unchanged;
};

static int delete_body(struct db_conn *c, void *arg)
{
    struct removal *d = arg;
    int64_t id;
    struct sql *s;
    int err = row_find(d->x, d->resource, c, &id);

    d->found = err == 1;
    if (err < 1)
        return err;
    err = resource_is_unchanged(d->x, d->resource, c, id);
    d->unchanged = err == 1;
    if (err < 1)
        return err;
    err = d->resource->doom == NULL ? 0 : d->resource->doom(c, id, d->x->now_us);
    s = sql_new();
    if (err < 0 || s == NULL) {
        sql_free(s);
        return err < 0 ? err : -ENOMEM;
    }
    sql_add(s, "DELETE FROM ");
    sql_add(s, d->resource->table);
    sql_add(s, " WHERE id = ");
    sql_int(s, id);
    int64_t gone = sql_exec(c, s);
    sql_free(s);
    return gone < 0 ? (int)gone : note(d->x, d->resource, c, "delete", d->x->params[0]);
}

int resource_delete(struct exchange *x, const struct resource *r)
{
    struct db_conn *c;
    struct removal d = {.x = x, .resource = r};
    int err = exchange_db(x, &c);

    if (err == 0)
        err = db_transaction(c, delete_body, &d);
    if (err < 0)
        return err;
    if (!d.found)
        return answer_error(x, API_NOT_FOUND, NULL);
    if (!d.unchanged)
        return answer_error(x, API_PRECONDITION, NULL);
    if (x->admin->storage != NULL)
        storage_after_delete(x->admin->storage, c);
    return answer_empty(x, 204);
}
