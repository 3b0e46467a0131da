/*
 * The table of a service's metrics as the Prometheus text exposition format 0.0.4.
 * It only renders: who counts what, and who serves the page, is the service's matter.
 */
#include "shared/metrics/metrics.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {"counter", "gauge"};

/* Backslash and line feed, in label values the quote too: these are all the format escapes. */
static void put_escaped(const char *text, size_t len, bool quote, FILE *out)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\' || (quote && text[i] == '"'))
            fputc('\\', out);
        if (text[i] == '\n')
            fputs("\\n", out);
        else
            fputc(text[i], out);
    }
}

/* Length of the value at `text`, up to the quote that ends it: the first one before a comma or the end. */
static size_t value_length(const char *text)
{
    size_t i = 0;

    while (text[i] && !(text[i] == '"' && (text[i + 1] == ',' || text[i + 1] == '\0')))
        i++;
    return i;
}

/* The rows write values plainly, key="value"; escaping them is done here. */
static void put_labels(const char *labels, FILE *out)
{
    fputc('{', out);
    while (*labels) {
        size_t key = strcspn(labels, "\"");
        size_t value;

        fprintf(out, "%.*s\"", (int)key, labels);
        labels += key + (labels[key] == '"');
        value = value_length(labels);
        put_escaped(labels, value, true, out);
        fputc('"', out);
        labels += value + (labels[value] == '"');
    }
    fputc('}', out);
}

static void put_family(const struct metric_row *row, FILE *out)
{
    fprintf(out, "# HELP %s ", row->name);
    put_escaped(row->help, strlen(row->help), false, out);
    fprintf(out, "\n# TYPE %s %s\n", row->name, kind_names[row->kind]);
}

char *metrics_render(const struct metric_row *rows, const _Atomic int64_t *values, size_t count, size_t *length)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, length);
    bool failed;

    if (!out)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(rows[i].name, rows[i - 1].name) != 0)
            put_family(&rows[i], out);
        fputs(rows[i].name, out);
        if (*rows[i].labels)
            put_labels(rows[i].labels, out);
        fprintf(out, " %lld\n", (long long)atomic_load_explicit(&values[i], memory_order_relaxed));
    }
    failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
