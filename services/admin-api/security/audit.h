/*
 * The audit log: who did what, on what, from where, when, and how it ended. It is only ever added to; the database
 * itself refuses anything else. Never give it a token, password, code or secret. Whoever owns the connection.
 */
#ifndef LC_ADMIN_SECURITY_AUDIT_H
#define LC_ADMIN_SECURITY_AUDIT_H

#include <stdint.h>

#include "shared/db/db.h"

#define AUDIT_OK     "ok"
#define AUDIT_DENIED "denied"
#define AUDIT_BEGUN  "begun" /* what takes long, such as a download */

struct audit_event {    /* NULL counts as "" */
    const char *actor;  /* a username; "" for nobody known, "system" for the service itself */
    const char *action; /* a dotted name such as "ticket.create" */
    const char *object; /* what it was done to, as people call it */
    const char *address;
    const char *outcome;
};

/* In the caller's transaction, if it has one. 0 or the database's error. */
int audit_write(struct db_conn *c, const struct audit_event *event, int64_t now_us) __attribute__((warn_unused_result));

#endif
