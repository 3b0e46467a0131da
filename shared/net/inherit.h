/*
 * Listening sockets from whoever started us, as sd_listen_fds(3) of systemd says it: LISTEN_PID is this process,
 * LISTEN_FDS descriptors from 3 on, LISTEN_FDNAMES their names separated by colons. The one named "status" (without
 * names: the second) is for operators, the other for requests. Such a socket outlives us: while one process drains, the
 * next accepts from the same queue, and nobody is refused. Before threads start.
 */
#ifndef LC_SHARED_NET_INHERIT_H
#define LC_SHARED_NET_INHERIT_H

#include <stdbool.h>
#include <stddef.h>

enum inherit_role { INHERIT_REQUESTS, INHERIT_STATUS };

/* 1 with a non-blocking, close-on-exec descriptor; 0: there is none; -EINVAL with what is wrong in `why`, also where
 * LISTEN_FDS is no number. Asking again gives the same descriptor. */
int inherit_listener(enum inherit_role role, int *fd, char *why, size_t why_size) __attribute__((warn_unused_result));

#endif
