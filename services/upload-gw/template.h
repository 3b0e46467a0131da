/*
 * Fills a page with values. {name} becomes the value's text, escaped for HTML; what stands between <!--#name--> and
 * <!--/name--> is left out where the value is absent, null, false or empty, repeated for each element of a list, and
 * within it an object's own values come first. A section must not contain one of its own name.
 */
#ifndef LC_GATEWAY_TEMPLATE_H
#define LC_GATEWAY_TEMPLATE_H

#include <jansson.h>
#include <stddef.h>

/* malloc'ed, `len` without the NUL; 0 or -ENOMEM. */
int template_fill(const char *text, json_t *values, char **out, size_t *len) __attribute__((warn_unused_result));

#endif
