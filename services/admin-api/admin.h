/*
 * What one running admin-api consists of: handed from main.c to the HTTP side, the keeper and the commands.
 * Everything in it outlives every thread that is given it.
 */
#ifndef LC_ADMIN_ADMIN_H
#define LC_ADMIN_ADMIN_H

#include <stdbool.h>

#include "services/admin-api/config.h"

struct db;
struct keyring;
struct site;
struct storage;
struct throttle;

struct admin_listener {
    int fd; /* -1: none */
    bool inherited;
};

struct admin {
    const struct admin_config *config;
    const struct keyring *keys;
    struct db *db;
    struct storage *storage; /* NULL in commands that need no files */
    struct throttle *throttle;
    const struct site *site; /* the pages; NULL: there are none */
    struct admin_listener requests, status;
};

#endif
