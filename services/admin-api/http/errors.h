/* What the API answers when it refuses, as one table; only answer.c writes it out. */
#ifndef LC_ADMIN_HTTP_ERRORS_H
#define LC_ADMIN_HTTP_ERRORS_H

enum api_error {
    API_OK = 0,
#define ERR(id, ...) API_##id,
#include "services/admin-api/http/errors.def"
#undef ERR
    API_ERRORS
};

struct api_error_row {
    int status, retry_after; /* seconds; 0: no Retry-After */
    const char *code;        /* NULL: none */
    const char *title;       /* NULL: a message of the published contract, which has "detail" alone */
    const char *detail;      /* {} is filled in */
};

extern const struct api_error_row api_errors[API_ERRORS];

#endif
