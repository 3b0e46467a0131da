/* Cookie fields of admin-api, each line of the input one of them: a value that is found stands in the input, behind its
 * name, and holds no semicolon. */
#include "services/admin-api/http/cookie.h"
#include "shared/loop/server.h"
#include "tests/fuzz/fuzz.h"

#define FIELDS 8

static struct head_field fields[FIELDS];
static size_t field_count;

const struct head_field *__wrap_server_fields(const struct server_call *call, size_t *count);

const struct head_field *__wrap_server_fields(const struct server_call *call, size_t *count)
{
    (void)call;
    *count = field_count;
    return fields;
}

static void look_for(const char *name)
{
    const struct exchange x = {.call = NULL};
    struct span value = cookie_find(&x, name);
    bool within = value.len == 0;

    for (size_t i = 0; i < field_count && !within; ++i) {
        const struct span *f = &fields[i].value;
        within = value.data > f->data && value.data + value.len <= f->data + f->len && value.data[-1] == '=' &&
                 (size_t)(value.data - f->data) > strlen(name) &&
                 memcmp(value.data - 1 - strlen(name), name, strlen(name)) == 0;
    }
    HOLDS(within && (value.len == 0 || memchr(value.data, ';', value.len) == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *lines[FIELDS];
    for (field_count = 0; field_count < FIELDS && size > 0; ++field_count) {
        lines[field_count] = take_line(&data, &size);
        fields[field_count] =
            (struct head_field){{"cookie", strlen("cookie")}, {lines[field_count], strlen(lines[field_count])}};
    }
    look_for(COOKIE_SESSION);
    look_for(COOKIE_CSRF);
    look_for("a");
    for (size_t i = 0; i < field_count; ++i)
        free(lines[i]);
    return 0;
}
