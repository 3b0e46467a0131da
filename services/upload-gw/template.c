/* Pages with values in them; see template.h. */
#include "services/upload-gw/template.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPENS    "<!--#"
#define CLOSES   "<!--/"
#define END      "-->"
#define NAME_MAX 32

struct scope {
    json_t *values;
    const struct scope *outer;
};

static json_t *find(const struct scope *s, const char *name, size_t len)
{
    json_t *value = NULL;
    for (; s != NULL && value == NULL; s = s->outer)
        value = json_object_getn(s->values, name, len);
    return value;
}

static void put_text(FILE *out, const char *text)
{
    static const char special[] = "&<>\"'";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

    for (const char *p = text; *p != '\0'; ++p) {
        const char *at = strchr(special, *p);
        if (at != NULL)
            fputs(entities[at - special], out);
        else
            fputc(*p, out);
    }
}

static void put_value(FILE *out, json_t *value)
{
    if (json_is_string(value))
        put_text(out, json_string_value(value));
    else if (json_is_integer(value))
        fprintf(out, "%lld", (long long)json_integer_value(value));
}

static bool is_shown(json_t *value)
{
    if (json_is_array(value))
        return json_array_size(value) > 0;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    return value != NULL && !json_is_null(value) && !json_is_false(value);
}

static void put(FILE *out, const char *at, const char *end, const struct scope *scope);

static void put_section(FILE *out, const char *at, const char *end, json_t *value, const struct scope *outer)
{
    size_t i;
    json_t *element;

    if (!json_is_array(value)) {
        put(out, at, end, &(struct scope){value, outer});
        return;
    }
    json_array_foreach (value, i, element)
        put(out, at, end, &(struct scope){element, outer});
}

/* The section that begins at `at`: shown or not. Gives where it is over; NULL: it never is, or is none. */
static const char *section(FILE *out, const char *at, const char *end, const struct scope *scope)
{
    const char *name = at + strlen(OPENS), *stop = strstr(name, END);
    char close[sizeof(CLOSES) + NAME_MAX + sizeof(END)];

    if (stop == NULL || stop - name > NAME_MAX)
        return NULL;
    snprintf(close, sizeof(close), CLOSES "%.*s" END, (int)(stop - name), name);
    const char *body = stop + strlen(END), *over = strstr(body, close);
    if (over == NULL || over >= end)
        return NULL;
    json_t *value = find(scope, name, (size_t)(stop - name));
    if (is_shown(value))
        put_section(out, body, over, value, scope);
    return over + strlen(close);
}

/* The value whose {name} begins at `at`; gives what follows it. NULL: it is no name. */
static const char *placeholder(FILE *out, const char *at, const char *end, const struct scope *scope)
{
    size_t len = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (at + 1 + len >= end || at[1 + len] != '}')
        return NULL;
    put_value(out, find(scope, at + 1, len));
    return at + len + 2;
}

static void put(FILE *out, const char *at, const char *end, const struct scope *scope)
{
    while (at < end) {
        const char *next = NULL;
        if (*at == '{')
            next = placeholder(out, at, end, scope);
        else if (*at == '<' && strncmp(at, OPENS, strlen(OPENS)) == 0)
            next = section(out, at, end, scope);
        if (next == NULL)
            fputc(*at++, out);
        else
            at = next;
    }
}

int template_fill(const char *text, json_t *values, char **out, size_t *len)
{
    FILE *to = open_memstream(out, len);
    if (to == NULL)
        return -ENOMEM;
    put(to, text, text + strlen(text), &(struct scope){values, NULL});
    if (fclose(to) == 0)
        return 0;
    free(*out);
    return -ENOMEM;
}
