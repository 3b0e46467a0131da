/* Texts of small forms; see form.h. What belongs to a resource is decoded by its descriptor instead. */
#include "services/admin-api/http/form.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* NULL, or what is wrong with the field. */
static const char *take(struct form_text *f, const json_t *value)
{
    if (value == NULL)
        return f->optional ? NULL : "This field is required.";
    if (json_is_null(value))
        return f->optional ? NULL : "This field may not be null.";
    if (f->is_code && json_is_integer(value) && json_integer_value(value) >= 0) {
        snprintf(f->digits, sizeof(f->digits), "%06" PRId64, (int64_t)json_integer_value(value));
        f->text = f->digits;
        return NULL;
    }
    if (!json_is_string(value))
        return "Not a valid string.";
    f->text = json_string_value(value);
    return *f->text == '\0' && !f->optional ? "This field may not be blank." : NULL;
}

int form_read(struct exchange *x, struct form_text *fields, size_t count, json_t **body)
{
    json_t *errors = NULL;
    int err = exchange_body(x, body);

    if (err < 1)
        return err;
    errors = json_object();
    err = errors == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < count && err == 0; ++i) {
        fields[i].text = NULL;
        const char *wrong = take(fields + i, json_object_get(*body, fields[i].name));
        err = wrong == NULL ? 0 : field_error(errors, fields[i].name, wrong);
    }
    if (err == 0 && json_object_size(errors) == 0) {
        json_decref(errors);
        return 1;
    }
    json_decref(*body);
    *body = NULL;
    if (err == 0)
        return answer_fields(x, errors);
    json_decref(errors);
    return err;
}
