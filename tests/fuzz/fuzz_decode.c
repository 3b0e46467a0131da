/*
 * A JSON body bound to a resource's fields: whatever a client sends is a value within the field's bounds, or a message
 * under its name; never an error of ours.
 */
#include <unistr.h>

#include "services/admin-api/resources/decode.h"
#include "tests/fuzz/fuzz.h"

static const struct field fields[] = {
    {.name = "attempts", .type = FIELD_INTEGER, .min = 0, .max = 10},
    {.name = "number", .type = FIELD_INTEGER},
    {.name = "resolved", .type = FIELD_BOOLEAN, .rules = RULE_NULLABLE},
    {.name = "name", .type = FIELD_TEXT, .rules = RULE_SLUG, .max = 20},
    {.name = "note", .type = FIELD_TEXT, .rules = RULE_BLANK | RULE_NULLABLE, .max = 50},
    {.name = "expires_at", .type = FIELD_TIME, .rules = RULE_NULLABLE},
    {.name = "platform", .type = FIELD_REFERENCE, .lookup = {.by = "name"}},
    {.name = "ticket", .type = FIELD_REFERENCE, .lookup = {.by = "number", .is_number = true}},
};

static void check_value(const struct field *f, const struct db_value *v)
{
    switch (v->kind) {
    case DB_NULL:
        HOLDS(f->rules & RULE_NULLABLE);
        break;
    case DB_INT:
        HOLDS(f->type != FIELD_TEXT && (f->min == f->max || (v->integer >= f->min && v->integer <= f->max)));
        break;
    case DB_TEXT:
        HOLDS(strlen(v->bytes) == v->len && u8_check(v->bytes, v->len) == NULL);
        HOLDS(f->type != FIELD_TEXT || u8_mbsnlen(v->bytes, v->len) <= (size_t)f->max);
        HOLDS(v->len > 0 || f->type == FIELD_REFERENCE || (f->rules & RULE_BLANK));
        break;
    default:
        HOLDS(false);
    }
}

static void decode(const struct field *f, const json_t *given)
{
    struct input input = {.given = false};
    json_t *errors = json_object();
    HOLDS(errors != NULL && field_decode(f, given, &input, errors) == 0);
    HOLDS(input.valid == (json_object_get(errors, f->name) == NULL));
    if (input.valid)
        check_value(f, &input.value);
    free(input.owned);
    json_decref(errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *body = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    for (size_t i = 0; body != NULL && i < sizeof(fields) / sizeof(fields[0]); ++i) {
        const json_t *given = json_object_get(body, fields[i].name);
        decode(fields + i, given != NULL ? given : body); /* a value alone is given to every field */
    }
    json_decref(body);
    return 0;
}
