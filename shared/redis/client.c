/* The blocking connection. Every failure of the transport drops it; nothing is retried here but a script that Redis
 * did not have yet. */
#include "shared/redis/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/clock/clock.h"
#include "shared/redis/reply.h"

struct redis_client {
    const struct redis_target *target;
    struct timeval timeout;
    redisContext *ctx;                     /* NULL: not connected */
    void (*observe)(int64_t microseconds); /* NULL: nobody asks */
};

struct redis_client *redis_client_new(const struct redis_target *target, unsigned timeout_ms)
{
    struct redis_client *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->target = target;
    c->timeout = (struct timeval){.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    return c;
}

static void drop(struct redis_client *c)
{
    if (c->ctx != NULL)
        redisFree(c->ctx);
    c->ctx = NULL;
}

void redis_client_free(struct redis_client *c)
{
    if (c == NULL)
        return;
    drop(c);
    free(c);
}

/* To be called right after the call that failed: errno still is its own. */
static int context_error(const redisContext *ctx)
{
    int saved = errno;
    switch (ctx->err) {
    case REDIS_ERR_IO:
        if (saved == EAGAIN || saved == EWOULDBLOCK || saved == EINPROGRESS)
            return -ETIMEDOUT;
        if (saved == EACCES) /* of the unix socket: what Redis itself refuses is -EACCES */
            return -EPERM;
        return saved == 0 || saved == ECONNRESET ? -EPIPE : -saved;
    case REDIS_ERR_EOF:
        return -EPIPE;
    case REDIS_ERR_OOM:
        return -ENOMEM;
    case REDIS_ERR_OTHER: /* the name did not resolve */
        return -EHOSTUNREACH;
    default:
        return -EPROTO;
    }
}

static redisReply *exchange(redisContext *ctx, int argc, const char **argv, const size_t *lens, int *err)
{
    redisReply *r = redisCommandArgv(ctx, argc, argv, lens);
    *err = r == NULL ? context_error(ctx) : 0;
    return r;
}

/* Of an answer that only has to be no error; `err` where there is none. */
static int verdict(redisReply *r, int err)
{
    if (r == NULL)
        return err;
    err = redis_reply_error(r);
    freeReplyObject(r);
    return err;
}

/* A command of the handshake. */
static int expect_ok(redisContext *ctx, int argc, const char **argv)
{
    int err;
    redisReply *r = exchange(ctx, argc, argv, NULL, &err);
    return verdict(r, err);
}

static int opened(redisContext *ctx, const struct timeval *timeout, redisContext **out)
{
    if (ctx == NULL)
        return -ENOMEM;
    int err = ctx->err != 0 || redisSetTimeout(ctx, *timeout) != REDIS_OK ? context_error(ctx) : 0;
    if (err < 0)
        redisFree(ctx);
    else
        *out = ctx;
    return err;
}

static int open_tcp(const char *host, int port, const struct timeval *timeout, redisContext **out)
{
    return opened(redisConnectWithTimeout(host, port, *timeout), timeout, out);
}

static int expect_master(redisContext *ctx)
{
    const char *argv[] = {"ROLE"};
    int err;
    redisReply *r = exchange(ctx, 1, argv, NULL, &err);
    if (r == NULL)
        return err;
    err = redis_reply_error(r);
    if (err == 0 && !redis_reply_is_master(r))
        err = -EAGAIN;
    freeReplyObject(r);
    return err;
}

static int greet(redisContext *ctx, const struct redis_target *t)
{
    int err = 0;
    if (t->password != NULL) {
        const char *argv[] = {"AUTH", t->user != NULL ? t->user : t->password, t->password};
        err = expect_ok(ctx, t->user != NULL ? 3 : 2, argv);
    }
    if (err == 0 && t->db != 0) {
        char db[16];
        snprintf(db, sizeof(db), "%d", t->db);
        const char *argv[] = {"SELECT", db};
        err = expect_ok(ctx, 2, argv);
    }
    if (err == 0 && t->kind == REDIS_SENTINEL)
        err = expect_master(ctx); /* a sentinel may still name the master that just fell */
    return err;
}

/* Asks one sentinel and connects to the master it names. */
static int open_master(const struct redis_target *t, const struct redis_address *sentinel,
                       const struct timeval *timeout, redisContext **out)
{
    redisContext *ctx = NULL;
    int err = open_tcp(sentinel->host, sentinel->port, timeout, &ctx);
    if (err < 0)
        return err;
    const char *argv[] = {"SENTINEL", "get-master-addr-by-name", t->master};
    redisReply *r = exchange(ctx, 3, argv, NULL, &err);
    redisFree(ctx);
    if (r == NULL)
        return err;
    err = redis_reply_error(r);
    if (err == 0 && r->type == REDIS_REPLY_NIL)
        err = -ENOENT;
    if (err == 0) {
        int64_t port = r->type == REDIS_REPLY_ARRAY && r->elements == 2 ? redis_reply_int(r->element[1]) : -1;
        err = port <= 0 || port > 65535 ? -EPROTO : open_tcp(redis_reply_text(r, 0), (int)port, timeout, out);
    }
    freeReplyObject(r);
    return err;
}

static int connect_by(const struct redis_target *t, size_t i, const struct timeval *timeout, redisContext **out)
{
    switch (t->kind) {
    case REDIS_UNIX:
        return opened(redisConnectUnixWithTimeout(t->path, *timeout), timeout, out);
    case REDIS_TCP:
        return open_tcp(t->addresses[i].host, t->addresses[i].port, timeout, out);
    case REDIS_SENTINEL:
        return open_master(t, &t->addresses[i], timeout, out);
    }
    return -EINVAL;
}

/* Who ended meanwhile is found before anything is sent, while another connection can still be tried. */
static bool is_open(const redisContext *ctx)
{
    char byte;
    ssize_t n = recv(ctx->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static int ensure(struct redis_client *c)
{
    size_t count = c->target->kind == REDIS_UNIX ? 1 : c->target->address_count;
    int err = -EINVAL;
    if (c->ctx != NULL && is_open(c->ctx))
        return 0;
    drop(c);
    for (size_t i = 0; i < count; ++i) {
        err = connect_by(c->target, i, &c->timeout, &c->ctx);
        if (err == 0 && (err = greet(c->ctx, c->target)) == 0)
            return 0;
        drop(c);
    }
    return err;
}

static redisReply *command(struct redis_client *c, int argc, const char **argv, const size_t *lens, int *err)
{
    *err = ensure(c);
    if (c->ctx == NULL)
        return NULL;
    redisReply *r = exchange(c->ctx, argc, argv, lens, err);
    if (r == NULL || redis_reply_error(r) == -EAGAIN)
        drop(c); /* broken, or no master any more: the next call finds the new one */
    return r;
}

redisReply *redis_client_command(struct redis_client *c, int argc, const char **argv, const size_t *lens, int *err)
{
    int64_t began = c->observe == NULL ? 0 : clock_steady_us();
    redisReply *r = command(c, argc, argv, lens, err);

    if (c->observe != NULL)
        c->observe(clock_steady_us() - began);
    return r;
}

int redis_client_tell(struct redis_client *c, int argc, const char **argv)
{
    int err;
    redisReply *r = redis_client_command(c, argc, argv, NULL, &err);
    return verdict(r, err);
}

void redis_client_observe(struct redis_client *c, void (*observe)(int64_t microseconds))
{
    c->observe = observe;
}

redisReply *redis_client_script(struct redis_client *c, enum redis_script script, int argc, const char **argv, int *err)
{
    const char **all = calloc((size_t)argc + 3, sizeof(*all));
    if (all == NULL) {
        *err = -ENOMEM;
        return NULL;
    }
    all[0] = "EVALSHA";
    all[1] = redis_script_sha(script);
    all[2] = "0";
    memcpy(all + 3, argv, (size_t)argc * sizeof(*argv));
    redisReply *r = redis_client_command(c, argc + 3, all, NULL, err);
    if (r != NULL && redis_reply_error(r) == -ENOENT) {
        freeReplyObject(r);
        all[0] = "EVAL"; /* which also keeps it for the next EVALSHA */
        all[1] = redis_script_text(script);
        r = redis_client_command(c, argc + 3, all, NULL, err);
    }
    free(all);
    return r;
}

redisReply *redis_client_wait(struct redis_client *c, unsigned timeout_ms, int *err)
{
    void *r = NULL;
    *err = -ENOTCONN;
    if (c->ctx == NULL)
        return NULL;
    /* hiredis gives up a connection that timed out, so nothing is read before there is something. */
    if (redisGetReplyFromReader(c->ctx, &r) == REDIS_OK && r == NULL) {
        struct pollfd p = {.fd = c->ctx->fd, .events = POLLIN};
        int n = poll(&p, 1, (int)timeout_ms);
        *err = n < 0 && errno != EINTR ? -errno : -ETIMEDOUT;
        if (n <= 0)
            return NULL;
        redisGetReply(c->ctx, &r);
    }
    *err = r == NULL ? context_error(c->ctx) : 0;
    if (r == NULL)
        drop(c);
    return r;
}
