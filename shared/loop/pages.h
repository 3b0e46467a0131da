/*
 * Static pages and assets by H2O's own file handlers, behind a front door that is not H2O's: the caller has read a
 * complete head without a body and hands the socket over. Every answer closes the connection, so H2O's body reader is
 * never reached. Loop thread only.
 */
#ifndef LC_SHARED_LOOP_PAGES_H
#define LC_SHARED_LOOP_PAGES_H

#include "shared/loop/loop.h"

struct pages_rule {
    const char *path; /* a prefix ending in '/', or an exact path */
    const char *file; /* relative to the root: what everything under path shows; NULL: the directory of that path */
    const char *const *headers; /* lines "Name: value", NULL-terminated; may be NULL */
};

/* A loop that can also serve pages from `root` by these rules (copied as needed). 0, -ENOENT: a file is missing. */
int pages_loop_new(const char *root, const struct pages_rule *rules, size_t count, struct loop **out)
    __attribute__((warn_unused_result));

/* Takes over the socket and answers the request in head[0..len). */
void pages_serve(struct sock *s, const char *head, size_t len);

#endif
