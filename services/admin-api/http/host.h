/* Under which name and from where a request came. Any thread. */
#ifndef LC_ADMIN_HTTP_HOST_H
#define LC_ADMIN_HTTP_HOST_H

#include <stdbool.h>

/* Is the Host header's value well-formed and, port aside, one of `allowed` (names separated by commas, .example.com
 * for subdomains too; "": any)? */
bool host_is_allowed(const char *host, const char *allowed);
/* Is it one of `allowed`, or PUBLIC_URL's host? With no name allowed: a name nobody else can point at us, that is an
 * address or one without a dot. */
bool host_is_ours(const char *host, const char *allowed, const char *public_url);
/* Does the Accept header's value (NULL: none) admit `type`, such as application/json? q=0 excludes. */
bool accepts(const char *accept, const char *type);
/* Does it name the type itself, as browsers do with text/html? */
bool accepts_by_name(const char *accept, const char *type);

#endif
