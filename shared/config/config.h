/*
 * Configuration from the environment by one table: the same rows parse, default, check, document and print it.
 * Every X may be given as X_FILE (the file's content without its last newline). Never logs, never exits.
 */
#ifndef LC_SHARED_CONFIG_H
#define LC_SHARED_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum config_type {
    CONFIG_STRING,   /* char *, owned by the target; "" is not set */
    CONFIG_INT,      /* int64_t */
    CONFIG_SIZE,     /* int64_t bytes; suffixes K M G T (powers of 1024), optional B or iB */
    CONFIG_DURATION, /* int64_t milliseconds; suffixes ms s m h d; 0 alone needs none */
    CONFIG_BOOL,     /* int64_t 0 or 1; true/false, yes/no, on/off, 1/0 */
    CONFIG_ENUM      /* int64_t index into `choices` */
};

struct config_row {
    const char *name; /* the variable */
    enum config_type type;
    size_t offset;        /* of the member in the target */
    const char *fallback; /* as text, parsed like a value; NULL: required */
    int64_t min, max;     /* INT, SIZE, DURATION: inclusive, in bytes or milliseconds; max 0: no upper limit */
    const char *choices;  /* ENUM: "a|b|c" */
    bool secret;          /* never printed, unless it is the fallback */
    /* STRING: further check; 0 or -EINVAL with the reason in `why`. May be NULL. */
    int (*check)(const char *value, char *why, size_t why_size);
    const char *doc; /* one sentence for --help and the manual */
};

/* The C type of a member, for the X-macro that makes the struct from the .def file:
 * CONFIG(type, member, name, fallback, min, max, choices, secret, check, doc) */
#define CONFIG_C_STRING   char *
#define CONFIG_C_INT      int64_t
#define CONFIG_C_SIZE     int64_t
#define CONFIG_C_DURATION int64_t
#define CONFIG_C_BOOL     int64_t
#define CONFIG_C_ENUM     int64_t

/* Fills `target` (zeroed by the caller) from the environment; a variable set to nothing counts as not set. 0, or
 * -EINVAL with one line in `why` that names the variable, says what is wrong with it and what to give instead (a
 * secret's value never in it). On error the target is freed. Call before threads start. */
int config_load(const struct config_row *rows, size_t count, void *target, char *why, size_t why_size)
    __attribute__((warn_unused_result));
void config_free(const struct config_row *rows, size_t count, void *target);

/* --help: name, default, choices and doc of each row, aligned. */
void config_help(const struct config_row *rows, size_t count, FILE *out);
/* --print-config: NAME=value lines that a shell or an environment file takes back; secrets only as
 * a comment, # NAME=(set). */
void config_print(const struct config_row *rows, size_t count, const void *target, FILE *out);

/* One value as the table would take it; 0 or -EINVAL with `why`. Also for API fields that take sizes and durations. */
int config_parse(const struct config_row *row, const char *text, int64_t *value, char *why, size_t why_size)
    __attribute__((warn_unused_result));

#endif
