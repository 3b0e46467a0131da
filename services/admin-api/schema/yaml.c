/* Writing YAML; see yaml.h. Strings that any reader might take for something else are quoted as in JSON. */
#include "services/admin-api/schema/yaml.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_word_char(char c, bool first)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/';
    return letter || (!first && ((c >= '0' && c <= '9') || strchr("_-.+", c) != NULL || c == ' '));
}

static bool is_plain(const char *text)
{
    static const char *const taken[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    size_t len = strlen(text);

    if (len == 0 || len > 60 || text[len - 1] == ' ')
        return false;
    for (size_t i = 0; i < len; ++i)
        if (!is_word_char(text[i], i == 0))
            return false;
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); ++i)
        if (strcasecmp(text, taken[i]) == 0)
            return false;
    return true;
}

static void put_scalar(FILE *out, const json_t *value)
{
    if (json_is_string(value) && is_plain(json_string_value(value)))
        fputs(json_string_value(value), out);
    else
        json_dumpf(value, out, JSON_ENCODE_ANY | JSON_COMPACT);
}

static void put_key(FILE *out, const char *key)
{
    json_t *text = is_plain(key) ? NULL : json_string(key);
    if (text == NULL)
        fputs(key, out);
    else
        json_dumpf(text, out, JSON_ENCODE_ANY);
    json_decref(text);
    fputc(':', out);
}

static void indent(FILE *out, int depth)
{
    fprintf(out, "%*s", 2 * depth, "");
}

static bool is_empty(const json_t *value)
{
    return json_object_size(value) == 0 && json_array_size(value) == 0;
}

/* Behind "key:" or "-"; a block begins on a line of its own, except an object in a list. */
static void put_value(FILE *out, const json_t *value, int depth, bool in_list)
{
    const char *key;
    json_t *inner;
    size_t i = 0;
    union {
        const json_t *in;
        json_t *out;
    } whole = {.in = value}; /* jansson's iterators take no const */

    if ((!json_is_object(value) && !json_is_array(value)) || is_empty(value)) {
        fputc(' ', out);
        put_scalar(out, value);
        fputc('\n', out);
        return;
    }
    bool first = in_list && json_is_object(value);
    fputc(first ? ' ' : '\n', out);
    json_object_foreach (whole.out, key, inner) {
        if (!first)
            indent(out, depth);
        first = false;
        put_key(out, key);
        put_value(out, inner, depth + 1, false);
    }
    json_array_foreach (whole.out, i, inner) {
        indent(out, depth);
        fputc('-', out);
        put_value(out, inner, depth + 1, true);
    }
}

char *yaml_dumps(const json_t *value)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    fputs("---", out);
    put_value(out, value, 0, false);
    bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}
