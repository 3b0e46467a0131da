/* An account as its owner sees it. Worker threads. */
#ifndef LC_ADMIN_ACCOUNTS_ACCOUNT_H
#define LC_ADMIN_ACCOUNTS_ACCOUNT_H

#include "services/admin-api/http/exchange.h"

/* The caller's (x->who). 1, 0: deleted meanwhile, or negative. */
int account_json(struct exchange *x, struct db_conn *c, json_t **out) __attribute__((warn_unused_result));

/* The field rows of who somebody is, for the account's owner and for administrators; rules: beside RULE_BLANK. */
#define PERSON_FIELDS(more)                                                                                            \
    PERSON_FIELD("email", more, 254, "Where mail to its owner goes."),                                                 \
        PERSON_FIELD("first_name", more, 150, "The owner's first name."),                                              \
        PERSON_FIELD("last_name", more, 150, "The owner's last name.")
#define PERSON_FIELD(called, more, most, words)                                                                        \
    {                                                                                                                  \
        .name = called, .type = FIELD_TEXT, .rules = RULE_BLANK | (more), .select = "u." called, .column = called,     \
        .max = (most), .doc = (words)                                                                                  \
    }

struct write;
/* Adds to w->decode_errors if the email given is none. 0 or -ENOMEM. */
int account_check_email(struct write *w) __attribute__((warn_unused_result));

#endif
