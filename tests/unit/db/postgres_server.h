/*
 * A PostgreSQL of the tests' own, reached through a unix socket in a temporary directory, run as nobody when the tests
 * run as root. Failures of its own are failures of the running test.
 */
#ifndef LC_TESTS_DB_POSTGRES_SERVER_H
#define LC_TESTS_DB_POSTGRES_SERVER_H

#include <stdbool.h>
#include <stddef.h>

bool server_is_installed(void);
void server_make(void);  /* initdb and start */
void server_start(void); /* waits until it accepts connections; also after server_kill */
void server_stop(void);  /* as an administrator does: sessions are ended with a message */
void server_kill(void);  /* as a crash: all its processes at once */
void server_freeze(void);
void server_thaw(void);
void server_remove(void);
const char *server_directory(void); /* of the socket; the server may write in it */

/* Runs a program of the server's (createdb, psql …) with the socket's options; NULL at the end of the arguments. */
void server_run(const char *program, ...);

#endif
