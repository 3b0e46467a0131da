/* Numbers of JSON bodies that are too large to be read as numbers. Any thread. */
#ifndef LC_ADMIN_HTTP_NUMBERS_H
#define LC_ADMIN_HTTP_NUMBERS_H

#include <stddef.h>

/* The text again, with every number beyond 64 bits (an integer) or beyond a double put into quotes: so all others stay
 * exact, and the field a large one is for says what is wrong with it, as of a number given as a text. What is not JSON
 * stays as wrong as it was. To be freed; NULL: memory. */
char *numbers_quoted(const char *text, size_t len, size_t *out_len) __attribute__((warn_unused_result));

#endif
