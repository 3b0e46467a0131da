/* An account as its owner sees it. Worker threads. */
#ifndef LC_ADMIN_ACCOUNTS_ACCOUNT_H
#define LC_ADMIN_ACCOUNTS_ACCOUNT_H

#include "services/admin-api/http/exchange.h"

/* The caller's (x->who). 1, 0: deleted meanwhile, or negative. */
int account_json(struct exchange *x, struct db_conn *c, json_t **out) __attribute__((warn_unused_result));

struct write;
/* Adds to w->decode_errors if the email given is none. 0 or -ENOMEM. */
int account_check_email(struct write *w) __attribute__((warn_unused_result));

#endif
