/* Between the server's calls and the handlers: routing, negotiation, who may, and what every request leaves behind. */
#ifndef LC_ADMIN_HTTP_FRONT_H
#define LC_ADMIN_HTTP_FRONT_H

#include "services/admin-api/admin.h"
#include "shared/loop/server.h"

struct front;

/* 0, -ENOMEM, -EINVAL with `why`. The admin outlives it; free it after the server has ended. */
int front_new(const struct admin *admin, struct front **out, char *why, size_t why_size)
    __attribute__((warn_unused_result));
void front_free(struct front *f);

extern const struct server_callbacks front_callbacks; /* with the front as their arg */

#endif
