/* Real servers for the tests of shared/redis; see redis_server.h. */
#include "tests/unit/redis/redis_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define LOOK_MS   5
#define LOOKS     6000
#define PORT_LOW  15000 /* below the ephemeral range: no outgoing connection takes it in between */
#define PORT_HIGH 32000

bool wait_until(bool (*holds)(void *arg), void *arg)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    for (int i = 0; i < LOOKS; ++i) {
        if (holds(arg))
            return true;
        nanosleep(&look, NULL);
    }
    return false;
}

int server_free_port(void)
{
    static unsigned step;
    for (int i = 0; i < 1000; ++i) {
        int port = PORT_LOW + (int)(((unsigned)getpid() * 37 + step++ * 101) % (PORT_HIGH - PORT_LOW));
        struct sockaddr_in address = {
            .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int err = bind(fd, (const struct sockaddr *)&address, sizeof(address));
        close(fd);
        if (err == 0)
            return port;
    }
    fail_msg("no free port");
    return 0;
}

static redisContext *connect_to(const struct redis_server *s)
{
    const struct timeval timeout = {.tv_sec = 5};
    redisContext *c = s->socket[0] != '\0' ? redisConnectUnixWithTimeout(s->socket, timeout)
                                           : redisConnectWithTimeout("127.0.0.1", s->port, timeout);
    if (c != NULL && c->err == 0 && redisSetTimeout(c, timeout) == REDIS_OK)
        return c;
    if (c != NULL)
        redisFree(c);
    return NULL;
}

const char *server_ask(const struct redis_server *s, int argc, const char **argv)
{
    static char text[4096];
    redisContext *c = connect_to(s);
    redisReply *r = c == NULL ? NULL : redisCommandArgv(c, argc, argv, NULL);
    snprintf(text, sizeof(text), "(no answer)");
    if (r != NULL && r->type == REDIS_REPLY_INTEGER)
        snprintf(text, sizeof(text), "%lld", r->integer);
    else if (r != NULL)
        snprintf(text, sizeof(text), "%s", r->type == REDIS_REPLY_NIL ? "(nil)" : r->str == NULL ? "" : r->str);
    if (r != NULL)
        freeReplyObject(r);
    if (c != NULL)
        redisFree(c);
    return text;
}

static bool answers(void *arg)
{
    const struct redis_server *s = arg;
    const char *answer = ASK(s, "PING");
    return strcmp(answer, "PONG") == 0 || strncmp(answer, "NOAUTH", 6) == 0;
}

static void run(const struct redis_server *s)
{
    char log[64];
    const char *argv[REDIS_SERVER_OPTIONS + 4] = {"redis-server"};
    snprintf(log, sizeof(log), "%s/log", s->directory);
    for (size_t i = 0; s->options[i] != NULL; ++i)
        argv[i + 1] = s->options[i];
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves no server behind */
    signal(SIGPIPE, SIG_DFL);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

void server_again(struct redis_server *s)
{
    unlink(s->socket);
    s->pid = fork();
    if (s->pid == 0)
        run(s);
    assert_true(s->pid > 0);
    if (!wait_until(answers, s))
        fail_msg("redis-server does not answer; see %s/log (package redis-server)", s->directory);
}

static void make_directory(struct redis_server *s, int port)
{
    *s = (struct redis_server){.port = port};
    snprintf(s->directory, sizeof(s->directory), "/tmp/lc-redis-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
}

void server_start(struct redis_server *s, int port, const char *const *options)
{
    static char ports[64][8]; /* outlive the servers, which keep pointers to them */
    static unsigned used;
    size_t n = 0;
    make_directory(s, port);
    snprintf(s->socket, sizeof(s->socket), "%s/r.sock", s->directory);
    if (port == 0)
        snprintf(s->url, sizeof(s->url), "unix://%s", s->socket);
    else
        snprintf(s->url, sizeof(s->url), "redis://127.0.0.1:%d", port);
    char *text = ports[used++ % 64];
    snprintf(text, sizeof(ports[0]), "%d", port);
    const char *const fixed[] = {"--port",     text,     "--bind", "127.0.0.1",  "--unixsocket", s->socket,     "--dir",
                                 s->directory, "--save", "",       "--loglevel", "warning",      "--daemonize", "no"};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); ++i)
        s->options[n++] = fixed[i];
    for (size_t i = 0; options != NULL && options[i] != NULL && n < REDIS_SERVER_OPTIONS; ++i)
        s->options[n++] = options[i];
    server_again(s);
}

void server_start_sentinel(struct redis_server *s, int port, int master_port)
{
    static char paths[8][64];
    static unsigned used;
    make_directory(s, port);
    char *path = paths[used++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/sentinel.conf", s->directory);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f,
            "port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor lc 127.0.0.1 %d 2\n"
            "sentinel down-after-milliseconds lc 500\nsentinel failover-timeout lc 5000\n",
            port, s->directory, master_port);
    assert_int_equal(fclose(f), 0);
    s->options[0] = path;
    s->options[1] = "--sentinel";
    server_again(s);
}

void server_signal(const struct redis_server *s, int number)
{
    assert_int_equal(kill(s->pid, number), 0);
}

void server_kill(struct redis_server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void server_end(struct redis_server *s)
{
    if (s->directory[0] == '\0')
        return;
    server_kill(s);
    nftw(s->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    s->directory[0] = '\0';
}
