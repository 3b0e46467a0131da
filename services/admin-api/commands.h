/*
 * admin-api's subcommands as one table: the words that name them, what they need opened, what --help says.
 * A command runs in the main thread, prints for people on standard output, and returns the exit status.
 */
#ifndef LC_ADMIN_COMMANDS_H
#define LC_ADMIN_COMMANDS_H

#include <stdio.h>

#include "services/admin-api/admin.h"

struct opened; /* what start.c has opened */

struct command_call {
    const struct admin *admin; /* with what the row needs; the rest is NULL */
    struct opened *opened;
    int argc; /* what stands behind the command's words */
    char **argv;
};

/* DATABASE: with all migrations; KEYS: and the SECRET_KEY that belongs to it; STORES: and Redis and storage. */
enum command_needs { NEEDS_NOTHING, NEEDS_DATABASE, NEEDS_KEYS, NEEDS_STORES };

struct command {
    const char *words, *arguments;
    enum command_needs needs;
    int (*run)(const struct command_call *call);
    const char *doc;
};

/* The row that argv (without the program's name) begins with, and how many words it took; NULL: none. No words at all
 * are "serve". */
const struct command *command_find(int argc, char **argv, int *words);
void command_help(FILE *out);

#define COMMAND(words, arguments, needs, run, doc) int run(const struct command_call *call);
#include "services/admin-api/commands.def"
#undef COMMAND

/* One line on standard error, and the exit status of wrong usage (2) or of failure (1). */
int command_usage(const char *words);
int command_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
