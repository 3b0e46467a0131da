/* One short-lived thread for each name asked; see resolve.h. */
#include "shared/redis/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define STACK_SIZE ((size_t)256 << 10) /* getaddrinfo takes some tens of KiB */

struct resolving {
    struct loop_message message;
    struct loop *loop;
    resolve_cb cb; /* NULL: forgotten */
    void *arg;
    char *host;
    char address[INET6_ADDRSTRLEN + 20]; /* and a scope */
    bool found;
};

bool resolve_is_address(const char *host)
{
    unsigned char out[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, out) == 1 || inet_pton(AF_INET6, host, out) == 1;
}

static void on_resolved(struct loop_message *m)
{
    struct resolving *r = (struct resolving *)(void *)m;
    if (r->cb != NULL)
        r->cb(r->arg, r->found ? r->address : NULL);
    free(r->host);
    free(r);
}

static bool find(struct resolving *r, int family)
{
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *first = NULL;
    if (getaddrinfo(r->host, NULL, &hints, &first) != 0)
        return false;
    bool found =
        getnameinfo(first->ai_addr, first->ai_addrlen, r->address, sizeof(r->address), NULL, 0, NI_NUMERICHOST) == 0;
    freeaddrinfo(first);
    return found;
}

/* As hiredis resolves: IPv6 where there is no IPv4. */
static void *run(void *arg)
{
    struct resolving *r = arg;
    r->found = find(r, AF_INET) || find(r, AF_INET6);
    loop_post(r->loop, &r->message);
    return NULL;
}

/* Signals are for the threads that wait for them. */
static int start(struct resolving *r)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = -pthread_create(&thread, &attributes, run, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return err;
}

struct resolving *resolve_begin(struct loop *loop, const char *host, resolve_cb cb, void *arg)
{
    struct resolving *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return NULL;
    *r = (struct resolving){.message = {.run = on_resolved}, .loop = loop, .cb = cb, .arg = arg, .host = strdup(host)};
    if (r->host != NULL && start(r) == 0)
        return r;
    free(r->host);
    free(r);
    return NULL;
}

void resolve_forget(struct resolving *r)
{
    if (r != NULL)
        r->cb = NULL;
}
