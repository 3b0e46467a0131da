/*
 * The threads that send what the outbox holds. A row is claimed with a lease before it is sent, so that of several
 * services on one database one alone sends it at a time; after a crash the lease runs out and it is sent again: at
 * least once, and receivers know repetitions by the delivery's id. Main thread starts and ends them.
 */
#ifndef LC_ADMIN_WEBHOOKS_DELIVER_H
#define LC_ADMIN_WEBHOOKS_DELIVER_H

#include <stddef.h>

#include "services/admin-api/admin.h"

struct deliverer;

int deliverer_start(const struct admin *admin, struct deliverer **out, char *why, size_t why_size)
    __attribute__((warn_unused_result));
void deliverer_stop(struct deliverer *d); /* waits for what is being sent */

#endif
