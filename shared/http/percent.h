/* Percent-encoding for addresses (RFC 3986 section 2.1), the only one. Any thread. */
#ifndef LC_SHARED_HTTP_PERCENT_H
#define LC_SHARED_HTTP_PERCENT_H

#include <stddef.h>

#define PERCENT_ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define PERCENT_UNRESERVED   PERCENT_ALPHANUMERIC "-._~" /* RFC 3986 section 2.3 */

#define PERCENT_ROOM(length) (3 * (length) + 1) /* what a text of so many bytes needs at most */

/* Every byte of `text` that is not one of `plain` becomes %XX. The result is NUL-terminated and cut, never inside of an
 * escape, where `size` ends it. Its length. */
size_t percent_encode(const char *text, const char *plain, char *out, size_t size);
/* The same as a new text, to be freed; NULL: memory. */
char *percent_encoded(const char *text, const char *plain) __attribute__((warn_unused_result));

#endif
