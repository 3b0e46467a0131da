/* admin-api as a service: the HTTP side from its first connection to its drained end. */
#ifndef LC_ADMIN_SERVE_H
#define LC_ADMIN_SERVE_H

#include "services/admin-api/admin.h"

/* Serves on config->listen until SIGTERM or SIGINT, then lets running requests end (10 s at most). Call with both
 * signals blocked in every thread. 0, or -errno with one line in `why`: the address cannot be listened on. */
int admin_serve(const struct admin *admin, char *why, size_t why_size) __attribute__((warn_unused_result));

#endif
