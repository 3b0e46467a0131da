/* Which pages of other origins may upload (Fetch standard, CORS): lines of answers, made once from UPLOAD_ORIGINS. */
#ifndef LC_GATEWAY_CORS_H
#define LC_GATEWAY_CORS_H

#include <stddef.h>

#include "shared/http/head.h"

struct cors;

/* config_row.check: "*", or origins separated by commas. */
int cors_check(const char *value, char *why, size_t why_size);
/* `origins` may be NULL; `lines` stand in every answer, and those for an allowed origin behind them. 0 or -ENOMEM. */
int cors_new(const char *origins, const char *lines, struct cors **out) __attribute__((warn_unused_result));
void cors_free(struct cors *c);
/* The lines for a request from there; for as long as `c` lives. `allowed` (may be NULL): was the origin one of ours? */
const char *cors_lines(const struct cors *c, const struct head *h, bool *allowed);

/* What else a preflight is told. */
#define CORS_PREFLIGHT                                                                                                 \
    "Access-Control-Allow-Methods: POST, HEAD, PATCH, DELETE, OPTIONS\r\n"                                             \
    "Access-Control-Allow-Headers: Content-Type, Tus-Resumable, Upload-Length, Upload-Defer-Length, Upload-Offset, "   \
    "Upload-Metadata, Upload-Checksum, Upload-Token, X-HTTP-Method-Override, X-Requested-With, X-Request-ID\r\n"       \
    "Access-Control-Max-Age: 86400\r\n"

#endif
