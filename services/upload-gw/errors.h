/* The refusals of the gateway as one table; only answer.c writes them out. */
#ifndef LC_GATEWAY_ERRORS_H
#define LC_GATEWAY_ERRORS_H

enum gateway_error {
    GATEWAY_OK = 0,
#define ERR(id, ...) GATEWAY_##id,
#include "services/upload-gw/errors.def"
#undef ERR
    GATEWAY_ERRORS
};

struct gateway_error_row {
    int status, retry_after;
    const char *id, *field, *code, *text;
};

extern const struct gateway_error_row gateway_errors[GATEWAY_ERRORS];

#endif
