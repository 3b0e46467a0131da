/* JSON values as YAML 1.2 for people: block style, order kept. Pure function. */
#ifndef LC_ADMIN_SCHEMA_YAML_H
#define LC_ADMIN_SCHEMA_YAML_H

#include <jansson.h>

/* The text, which the caller frees; NULL: memory. Nothing in it depends on a YAML 1.1 reader's guesses. */
char *yaml_dumps(const json_t *value);

#endif
