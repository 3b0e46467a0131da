/*
 * Guessing is slowed down: behind a few free failures each further try waits twice as long after the one before. It is
 * counted for an account from one network and for the network as a whole, never for an account alone: nobody can lock
 * an owner out from elsewhere. The counts are Redis's, shared by all processes, and this process's own while Redis is
 * away. Any thread.
 */
#ifndef LC_ADMIN_ACCOUNTS_THROTTLE_H
#define LC_ADMIN_ACCOUNTS_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_LONGEST_MS    INT64_C(900000) /* no wait is longer */
#define THROTTLE_NETWORK_TIMES 4               /* a network has so many times the free failures of an account */

struct redis_target;
struct throttle;

struct throttle_try {    /* what a try is counted under */
    const char *account; /* a name as typed, known or not */
    const char *address; /* the client's; its network counts */
};

/* `redis` (outlives it) NULL: this process's counts alone. `free_failures`: of an account; at least 1. NULL: memory. */
struct throttle *throttle_new(const struct redis_target *redis, unsigned timeout_ms, unsigned free_failures);
void throttle_free(struct throttle *t);

/* Milliseconds to wait, or 0: go on, and the try counts as failed unless throttle_give is called. */
int64_t throttle_take(struct throttle *t, const struct throttle_try *try);
/* It was no failure; succeeded: the account's waits from this network are over too. */
void throttle_give(struct throttle *t, const struct throttle_try *try, bool succeeded);

/* For what strangers cause and the audit log is told of: true once a minute for each `what` and network. */
bool throttle_is_news(struct throttle *t, const char *what, const char *address);

#endif
