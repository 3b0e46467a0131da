/* A real redis-server of a test: started in a directory of its own, killed by its process id, removed with its files.
 */
#ifndef LC_TESTS_REDIS_SERVER_H
#define LC_TESTS_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#define REDIS_SERVER_OPTIONS 24

struct redis_server {
    pid_t pid;
    int port; /* 0: unix socket only */
    char directory[32], socket[64], url[96];
    const char *options[REDIS_SERVER_OPTIONS + 1];
};

/* Fails the test if it cannot start. `port` 0: none. Further options are pairs of strings, NULL ends; they must outlive
 * the server. A sentinel is started by server_start_sentinel. */
void server_start(struct redis_server *s, int port, const char *const *options);
void server_start_sentinel(struct redis_server *s, int port, int master_port);
void server_kill(struct redis_server *s);  /* kill -9 */
void server_again(struct redis_server *s); /* after a kill: the same directory, port and options */
void server_signal(const struct redis_server *s, int number);
void server_end(struct redis_server *s); /* kill and remove; harmless when it never ran */
int server_free_port(void);

/* One command to it over a connection of its own; the reply as text (integers too), in static memory. */
const char *server_ask(const struct redis_server *s, int argc, const char **argv);
#define ASK(s, ...)                                                                                                    \
    server_ask(s, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})
/* Waits up to thirty seconds for it to be true, looking every few milliseconds. */
bool wait_until(bool (*holds)(void *arg), void *arg);

#endif
