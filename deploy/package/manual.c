/*
 * Prints the manual page of a service (man(7)) from the tables it is made of: manual SERVICE > SERVICE.8. Run at build;
 * it must say nothing that the tables do not.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct option_row {
    const char *name, *kind, *fallback, *choices, *doc;
};

struct command_row {
    const char *words, *arguments, *doc;
};

#define CONFIG(kind, member, name, fallback, least, most, choices, secret, check, doc)                                 \
    {(name), #kind, (fallback), (choices), (doc)},
#define COMMAND(words, arguments, needs, run, doc) {(words), (arguments), (doc)},

static const struct option_row gateway_options[] = {
#include "services/upload-gw/config.def"
#include "shared/config/both.def"
    {NULL, NULL, NULL, NULL, NULL}};
static const struct option_row admin_options[] = {
#include "services/admin-api/config.def"
#include "shared/config/both.def"
    {NULL, NULL, NULL, NULL, NULL}};
static const struct command_row gateway_commands[] = {
    {"health", "[--ready]",
     "Asks the gateway that runs with these settings how it is: exit status 0, or 1 saying why. --ready: Redis and "
     "storage included."},
    {NULL, NULL, NULL}};
static const struct command_row admin_commands[] = {
#include "services/admin-api/commands.def"
    {NULL, NULL, NULL}};

static const struct {
    const char *name, *brief, *about, *other;
    const struct option_row *options;
    const struct command_row *commands;
} services[] = {
    {"upload-gw", "the public side of Logs Collector",
     "Receives archives from customers who hold an upload token, hashes them while they pass and answers only when "
     "they "
     "are durable. It needs Redis and the directory it shares with admin-api.",
     "admin-api", gateway_options, gateway_commands},
    {"admin-api", "the private side of Logs Collector",
     "Keeps users, platforms, tickets and archives in sqlite or PostgreSQL, serves the REST API and the panel, and "
     "files "
     "what upload-gw has received. Without a command it serves.",
     "upload-gw", admin_options, admin_commands},
};

/* Text with what roff would take for its own escaped. */
static void text(const char *s)
{
    bool line_begins = true;

    for (; *s != '\0'; ++s) {
        if (line_begins && (*s == '.' || *s == '\''))
            fputs("\\&", stdout);
        line_begins = *s == '\n';
        if (*s == '\\')
            fputs("\\e", stdout);
        else if (*s == '-')
            fputs("\\-", stdout);
        else
            putchar(*s);
    }
}

static void command(const struct command_row *row)
{
    fputs(".TP\n\\fB", stdout);
    text(row->words);
    fputs("\\fR ", stdout);
    text(row->arguments);
    putchar('\n');
    text(row->doc);
    putchar('\n');
}

static void option(const struct option_row *row)
{
    fputs(".TP\n\\fB", stdout);
    text(row->name);
    fputs("\\fR (", stdout);
    if (row->choices != NULL)
        text(row->choices);
    else
        for (const char *c = row->kind; *c != '\0'; ++c)
            putchar(*c | 0x20);
    fputs(row->fallback == NULL ? "; required)\n" : *row->fallback == '\0' ? ")\n" : "; default ", stdout);
    if (row->fallback != NULL && *row->fallback != '\0') {
        text(row->fallback);
        fputs(")\n", stdout);
    }
    text(row->doc);
    putchar('\n');
}

int main(int argc, char **argv)
{
    size_t i = 0;

    while (i < 2 && (argc != 2 || strcmp(argv[1], services[i].name) != 0))
        ++i;
    if (i == 2)
        return fputs("usage: manual upload-gw|admin-api\n", stderr), 2;
    const char *name = services[i].name;
    printf(".TH %s 8 \"\" \"Logs Collector " LC_VERSION "\" \"Logs Collector\"\n.SH NAME\n", name);
    text(name);
    printf(" \\- %s\n.SH SYNOPSIS\n.B ", services[i].brief);
    text(name);
    fputs("\n[\\fB\\-\\-help\\fR | \\fB\\-\\-version\\fR | \\fB\\-\\-print\\-config\\fR | \\fICOMMAND\\fR]\n"
          ".SH DESCRIPTION\n",
          stdout);
    text(services[i].about);
    fputs("\n.SH COMMANDS\n", stdout);
    for (const struct command_row *row = services[i].commands; row->words != NULL; ++row)
        command(row);
    fputs(".SH ENVIRONMENT\nEvery variable may be given as \\fINAME\\fR_FILE, the path of a file that holds the value. "
          "Sizes take K, M, G, T; durations ms, s, m, h, d.\n",
          stdout);
    for (const struct option_row *row = services[i].options; row->name != NULL; ++row)
        option(row);
    printf(".SH FILES\n.TP\n/etc/default/%s\nThe settings of the service.\n.TP\n/var/lib/logs\\-collector\n"
           "The directory that both services share.\n.SH SEE ALSO\n.BR ",
           name);
    text(services[i].other);
    fputs(" (8)\n", stdout);
    return 0;
}
