/*
 * What stands at DB_URL, seen without changing anything: for `check`, for dry runs, and before a database is opened that
 * may be somebody else's. Main thread.
 */
#ifndef LC_ADMIN_LOOK_H
#define LC_ADMIN_LOOK_H

#include <stddef.h>

#include "services/admin-api/config.h"

enum database_state {
    DATABASE_MISSING, /* sqlite: there is no file */
    DATABASE_EMPTY,   /* no tables of ours, nor of 0.1.0 */
    DATABASE_OLDER,   /* serve and migrate bring it to this version */
    DATABASE_OURS
};

/* 0; -EPROTO: of a newer release; -EEXIST: of Logs Collector 0.1.0; or the error of opening it: one line in `why`. */
int database_look(const struct admin_config *config, enum database_state *state, char *why, size_t why_size)
    __attribute__((warn_unused_result));
/* One word of it for people. */
const char *database_state_text(enum database_state state);

#endif
