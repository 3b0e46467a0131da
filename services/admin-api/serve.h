/* admin-api as a service: the HTTP side from its first connection to its drained end. */
#ifndef LC_ADMIN_SERVE_H
#define LC_ADMIN_SERVE_H

#include <signal.h>

#include "services/admin-api/admin.h"

/* Those that admin_serve waits for. */
void admin_signals(sigset_t *out);
/* Serves on config->listen until SIGTERM or SIGINT, then lets running requests end (10 s at most). Call with
 * admin_signals() blocked in every thread. 0, or -errno with one line in `why`: the address cannot be listened on. */
int admin_serve(const struct admin *admin, char *why, size_t why_size) __attribute__((warn_unused_result));

#endif
