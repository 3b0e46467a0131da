/*
 * What operators read, on an address of its own that needs no login: /readyz, /metrics and the health check. It must
 * not be reachable by others; it says nothing about users or tickets.
 */
#ifndef LC_ADMIN_STATUS_H
#define LC_ADMIN_STATUS_H

#include "services/admin-api/admin.h"

struct server;
struct status;

/* Listens on ADMIN_STATUS_LISTEN, or does nothing if that is "off". `api` is the server whose connections and jobs are
 * told; NULL until it has started (status_watch). 0, or -errno with one line in `why`. */
int status_start(const struct admin *admin, struct status **out, char *why, size_t why_size)
    __attribute__((warn_unused_result));
void status_watch(struct status *s, const struct server *api);
/* Before the server it watches stops: /readyz says "draining" from now on, where the listener is this process's alone;
 * one that the next process has too is closed. */
void status_drain(struct status *s);
void status_stop(struct status *s); /* NULL is fine */

#endif
