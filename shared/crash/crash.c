/* Ends the process where LC_CRASH_AT says; see crash.h. Of the test build alone. */
#include "shared/crash/crash.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char *const names[CRASH_POINTS] = {
#define POINT(service, name, doc) #name,
#include "shared/crash/crash_points.def"
#undef POINT
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int chosen = -1;
static atomic_long left;

/* A name that is not there must not let a test pass for want of a crash. */
static void choose(void)
{
    const char *text = getenv("LC_CRASH_AT");
    size_t len = text == NULL ? 0 : strcspn(text, ":");
    if (len == 0)
        return;
    for (int i = 0; i < CRASH_POINTS; ++i)
        if (strlen(names[i]) == len && strncasecmp(names[i], text, len) == 0)
            chosen = i;
    if (chosen < 0) {
        fprintf(stderr, "LC_CRASH_AT: there is no crash point %s\n", text);
        _exit(2);
    }
    atomic_store(&left, text[len] == ':' ? strtol(text + len + 1, NULL, 10) : 1);
}

void crash_here(enum crash_point point)
{
    pthread_once(&once, choose);
    if (chosen == (int)point && atomic_fetch_sub(&left, 1) == 1)
        kill(getpid(), SIGKILL);
}
