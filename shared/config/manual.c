/*
 * A configuration table as text for people: --help and --print-config.
 * Prints no secret, and what it prints for a shell or an environment file is taken back unchanged.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/config/value.h"

#define LINE_WIDTH 100

static int name_width(const struct config_row *rows, size_t count)
{
    size_t width = 0;

    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(rows[i].name);

        width = len > width ? len : width;
    }
    return (int)width;
}

static const char *kind_name(enum config_type type)
{
    switch (type) {
    case CONFIG_STRING:
        return "text";
    case CONFIG_INT:
        return "number";
    case CONFIG_SIZE:
        return "size";
    case CONFIG_DURATION:
        return "duration";
    case CONFIG_BOOL:
        return "true or false";
    case CONFIG_ENUM:
        return "one of";
    }
    return "";
}

/* Words of `text` in lines of LINE_WIDTH, each after `indent` spaces. */
static void print_wrapped(const char *text, int indent, FILE *out)
{
    while (*text) {
        int room = LINE_WIDTH - indent;
        int take = (int)strnlen(text, (size_t)room + 1);

        if (take > room) {
            for (take = room; take > 0 && text[take] != ' '; take--)
                ;
            if (take == 0)
                take = (int)strcspn(text, " ");
        }
        fprintf(out, "%*s%.*s\n", indent, "", take, text);
        text += take;
        text += strspn(text, " ");
    }
}

static void print_limits(const struct config_row *row, FILE *out)
{
    char limit[CONFIG_VALUE_TEXT];

    if (row->type != CONFIG_INT && row->type != CONFIG_SIZE && row->type != CONFIG_DURATION)
        return;
    if (row->min != 0) {
        config_value_text(row, row->min, limit);
        fprintf(out, ", at least %s", limit);
    }
    if (row->max > 0) {
        config_value_text(row, row->max, limit);
        fprintf(out, ", at most %s", limit);
    }
}

void config_help(const struct config_row *rows, size_t count, FILE *out)
{
    int width = name_width(rows, count);

    for (size_t i = 0; i < count; i++) {
        const struct config_row *row = &rows[i];

        fprintf(out, "  %-*s  %s%s%s", width, row->name, kind_name(row->type), row->choices ? " " : "",
                row->choices ? row->choices : "");
        print_limits(row, out);
        if (!row->fallback)
            fputs("; required\n", out);
        else
            fprintf(out, "; default %s\n", *row->fallback ? row->fallback : "none");
        print_wrapped(row->doc, width + 4, out);
    }
    fputs("\nEach may be given as NAME_FILE instead: the path of a file that holds the value.\n", out);
}

/* Bare where every reader agrees, otherwise in double quotes with the escapes a shell and systemd both undo. */
static void print_quoted(const char *value, FILE *out)
{
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,:/@%+=";

    if (value[strspn(value, bare)] == '\0') {
        fputs(value, out);
        return;
    }
    fputc('"', out);
    for (; *value; value++) {
        if (strchr("\"\\$`", *value))
            fputc('\\', out);
        fputc(*value, out);
    }
    fputc('"', out);
}

static void print_string(const struct config_row *row, const char *value, FILE *out)
{
    bool is_fallback = row->fallback && strcmp(value, row->fallback) == 0;

    if (row->secret && *value && !is_fallback) {
        fprintf(out, "# %s=(set)\n", row->name);
        return;
    }
    fprintf(out, "%s=", row->name);
    print_quoted(value, out);
    fputc('\n', out);
}

void config_print(const struct config_row *rows, size_t count, const void *target, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        const void *member = (const char *)target + rows[i].offset;
        char text[CONFIG_VALUE_TEXT];
        char *string = NULL;
        int64_t number;

        if (rows[i].type == CONFIG_STRING) {
            memcpy(&string, member, sizeof(string));
            print_string(&rows[i], string ? string : "", out);
        } else {
            memcpy(&number, member, sizeof(number));
            config_value_text(&rows[i], number, text);
            print_string(&rows[i], text, out);
        }
    }
}
