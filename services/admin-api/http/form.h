/* Fields of bodies that are no resource's (logins, passwords): texts taken as they are, in the contract's words. */
#ifndef LC_ADMIN_HTTP_FORM_H
#define LC_ADMIN_HTTP_FORM_H

#include "services/admin-api/http/exchange.h"

struct form_text {
    const char *name;
    bool optional;
    bool is_code;     /* may come as a number: leading zeros are put back */
    const char *text; /* out: NULL only if optional and left out or null; borrowed from the body or `digits` */
    char digits[24];
};

/* The request's body as an object (owned by the caller) and its texts, all wrong ones answered at once. 1; 0: refused
 * and answered; negative errno. Nothing is trimmed: a password may end with a space. */
int form_read(struct exchange *x, struct form_text *fields, size_t count, json_t **body)
    __attribute__((warn_unused_result));

#endif
