/*
 * What the handlers of accounts share: a form, the caller's own row, the proof of password or code that a change asks
 * for, the line in the audit log. Worker threads.
 */
#ifndef LC_ADMIN_ACCOUNTS_ERRAND_H
#define LC_ADMIN_ACCOUNTS_ERRAND_H

#include "services/admin-api/accounts/throttle.h"
#include "services/admin-api/http/exchange.h"
#include "services/admin-api/http/form.h"
#include "services/admin-api/http/trail.h"
#include "services/admin-api/security/login.h"
#include "services/admin-api/security/users.h"

/* A login with name, password and code out of the request's body; slowed down, counted, logged and audited. 1 with
 * *out; 0: refused and answered; negative. */
int errand_login(struct exchange *x, struct login *out) __attribute__((warn_unused_result));

struct errand {
    struct exchange *x;
    struct db_conn *db;
    struct user user; /* the caller's row */
    json_t *body;     /* the form's texts point into it */
};

/* The body's texts and the caller's row. 1: end it with errand_end; 0: refused and answered; negative. */
int errand_begin(struct errand *e, struct exchange *x, struct form_text *fields, size_t count)
    __attribute__((warn_unused_result));
/* Frees what it holds and passes `result` on. */
int errand_end(struct errand *e, int result);

/* Is it the caller's password; is it a code of theirs (spent by that)? Guessing is slowed down as at a login. 1; 0:
 * refused, audited as `action` and answered as an error of the field; negative. */
int errand_check_password(struct errand *e, const struct form_text *password, const char *action)
    __attribute__((warn_unused_result));
int errand_check_code(struct errand *e, const struct form_text *code, const char *action)
    __attribute__((warn_unused_result));
/* The refusal alone. 0 or negative. */
int errand_refuse_code(struct errand *e, const struct form_text *code, const char *action)
    __attribute__((warn_unused_result));

#endif
