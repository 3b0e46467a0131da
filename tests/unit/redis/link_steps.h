/* A test of the link as a list of steps in its event loop: each acts once, then waits until what it waits for is true.
 */
#ifndef LC_TESTS_LINK_STEPS_H
#define LC_TESTS_LINK_STEPS_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/redis/attempts.h"
#include "shared/redis/link.h"

struct step {
    void (*act)(void);  /* may be NULL */
    bool (*done)(void); /* NULL: at once */
    const char *what;
};

extern struct redis_link *link_under_test;
extern int link_ups, link_new_servers, link_downs; /* events so far */
extern int answers;                                /* calls answered so far */
extern struct admission last_admission;            /* what the last one said */

/* Makes a loop and a link to the URL, plays the steps, ends both. Fails the test at a step that is not done within
 * thirty seconds. */
void play(const char *url, unsigned timeout_ms, const struct step *steps, size_t count);
void on_admission(void *arg, const struct admission *a); /* for the calls a step makes: counts and keeps */
bool is_up(void);
bool is_down(void);

#endif
