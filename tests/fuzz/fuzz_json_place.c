/* A JSON text that goes wrong, and where: the place lies in the text, line and column are its own, and what jansson
 * takes has no mistake, except that it takes a NUL for the end. */
#include "services/admin-api/http/json_place.h"

#include <jansson.h>

#include "tests/fuzz/fuzz.h"

/* Characters before the place, counted anew. */
static void check_place(const char *text, size_t size, const struct json_place *p)
{
    size_t characters = 0, line = 1, column = 1, at = 0;

    for (; at < size && characters < p->place; ++at) {
        if (((unsigned char)text[at] & 0xc0) == 0x80)
            continue;
        ++characters;
        column = text[at] == '\n' ? 1 : column + 1;
        line += text[at] == '\n';
    }
    HOLDS(characters == p->place && line == p->line && column == p->column);
    HOLDS(p->what != NULL && *p->what != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_place place = {.what = NULL};
    char *text = exact(data, size);
    int wrong = json_place(text, size, &place);
    json_t *value = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    HOLDS(wrong == 0 || wrong == 1);
    HOLDS(wrong == 0 || value == NULL || memchr(text, '\0', size) != NULL);
    if (wrong == 1)
        check_place(text, size, &place);
    json_decref(value);
    free(text);
    return 0;
}
