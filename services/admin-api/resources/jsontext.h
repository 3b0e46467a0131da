/*
 * A JSON text that grows: what lists of a hundred thousand rows are written with, where an object per value would cost
 * more than the database. Strings are escaped as jansson does it. One thread at a time.
 */
#ifndef LC_ADMIN_RESOURCES_JSONTEXT_H
#define LC_ADMIN_RESOURCES_JSONTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jsontext { /* all zero: empty */
    char *bytes;  /* not terminated */
    size_t len, size;
    bool failed; /* memory was out: the rest was left out, and whoever finishes it answers -ENOMEM */
};

void jsontext_free(struct jsontext *t);
void jsontext_raw(struct jsontext *t, const char *bytes, size_t len); /* punctuation, and what is JSON already */
void jsontext_string(struct jsontext *t, const char *text);           /* bytes that are not UTF-8 become U+FFFD each */
void jsontext_integer(struct jsontext *t, int64_t n);
void jsontext_value(struct jsontext *t, json_t *value); /* takes over the reference; NULL: memory was out */

#endif
