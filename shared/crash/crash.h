/*
 * Crash points of the test build: CRASH_POINT(NAME) ends the process by SIGKILL, as a power cut would, when it is the
 * one that LC_CRASH_AT=name[:n] chose (in its n-th passing, 1 without). Nothing of it is compiled in without
 * LC_CRASH_POINTS. Any thread.
 */
#ifndef LC_SHARED_CRASH_CRASH_H
#define LC_SHARED_CRASH_CRASH_H

#ifdef LC_CRASH_POINTS

enum crash_point {
#define POINT(service, name, doc) CRASH_##name,
#include "shared/crash/crash_points.def"
#undef POINT
    CRASH_POINTS
};

void crash_here(enum crash_point point);

#define CRASH_POINT(name) crash_here(CRASH_##name)
#else
#define CRASH_POINT(name) ((void)0)
#endif

#endif
