/*
 * A PostgreSQL of the tests' own, reached through a unix socket in a temporary directory, run as nobody when the tests
 * run as root. Failures of its own are failures of the running test.
 */
#ifndef LC_TESTS_DB_CLUSTER_H
#define LC_TESTS_DB_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

bool cluster_is_installed(void);
void cluster_make(void);  /* initdb and start */
void cluster_start(void); /* waits until it accepts connections; also after cluster_kill */
void cluster_stop(void);  /* as an administrator does: sessions are ended with a message */
void cluster_kill(void);  /* as a crash: all its processes at once */
void cluster_freeze(void);
void cluster_thaw(void);
void cluster_remove(void);
const char *cluster_directory(void); /* of the socket; the server may write in it */

/* Runs a program of the server's (createdb, psql …) with the socket's options; NULL at the end of the arguments. */
void cluster_run(const char *program, ...);

#endif
