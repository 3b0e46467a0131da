/* Answers that handlers need not know of: what the front of the HTTP side says itself. Any thread that owns x. */
#ifndef LC_ADMIN_HTTP_ANSWER_H
#define LC_ADMIN_HTTP_ANSWER_H

#include "services/admin-api/http/exchange.h"
#include "shared/loop/server.h"

#define ANSWER_ALLOW_UNKNOWN "GET, HEAD, OPTIONS" /* of a path that is not known */

/* The security headers and, last, that Allow, for answers made without an exchange; ends with NULL. */
extern const struct server_header_row answer_headers[];
/* Allow and the security headers. 0 or -ENOMEM. */
int answer_common(struct exchange *x) __attribute__((warn_unused_result));
/* {"detail":…} and the rest of a row, or NULL: memory. */
json_t *error_body(enum api_error id, const char *what);
/* 401 for a bearer token that is no good, saying why. */
int answer_bad_bearer(struct exchange *x, const char *message) __attribute__((warn_unused_result));
/* What a negative errno of a handler becomes; kept for the log. */
int answer_failure(struct exchange *x, int failure) __attribute__((warn_unused_result));

#endif
