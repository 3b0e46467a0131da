/*
 * The asynchronous connection: one hiredis context on sock.h readiness, a greeting (AUTH, SELECT, ROLE, run_id), calls
 * with time-outs, backoff. A call that times out drops the connection: what follows is refused at once instead of
 * waiting for a server that does not answer.
 */
#include "shared/redis/link.h"

#include <errno.h>
#include <hiredis/async.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shared/clock/clock.h"
#include "shared/redis/reply.h"
#include "shared/redis/resolve.h"

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000
/* While a failover may be going on, sentinels are asked at least this often, and whom they name has twice as long to
 * greet: it may still be the master that fell, whose address need not refuse a connection. */
#define FAILOVER_STEP_MS 250
#define FAILOVER_TRIES   40
#define REFUSED_US       60000000 /* a reason is told so often */

enum link_state { LINK_DOWN, LINK_ASKING /* a sentinel */, LINK_GREETING, LINK_UP };

struct redis_link {
    struct loop *loop;
    const struct redis_target *target;
    const struct redis_link_events *events;
    void *arg;
    enum link_state state;
    redisAsyncContext *ctx;
    struct sock *sock;
    struct loop_timer timer;     /* DOWN: the next try; else the greeting's time-out */
    struct call *calls;          /* not answered yet */
    struct resolving *resolving; /* the name of whom to connect to */
    int port;                    /* with it */
    size_t next_address;
    unsigned failures, timeout_ms;
    int last_error, refused;
    int64_t refused_us; /* when `refused` was told */
    bool freeing;
    char run_id[41];
};

struct call {
    struct call *next, **link; /* in redis_link.calls until answered */
    struct redis_link *owner;
    struct loop_timer timer;
    redis_link_cb cb;
    void *arg;
    int64_t began_us; /* monotonic */
    int script;       /* -1: a command */
    int early_error;
    int argc;
    char **argv; /* kept while Redis may not have the script */
};

static void start_connecting(struct redis_link *l);

static void refused(struct redis_link *l, int err)
{
    bool is_told = err == l->refused && clock_steady_us() - l->refused_us < REFUSED_US;
    if (l->freeing || !redis_reply_is_refusal(err) || is_told)
        return;
    l->refused = err;
    l->refused_us = clock_steady_us();
    if (l->events != NULL && l->events->on_refused != NULL)
        l->events->on_refused(l->arg, err);
}

/* --- hiredis on sock.h --- */

static void on_readable(struct sock *s, int err)
{
    struct redis_link *l = sock_data(s);
    (void)err; /* hiredis reads and finds out */
    redisAsyncHandleRead(l->ctx);
}

static void on_writable(struct sock *s, int err)
{
    struct redis_link *l = sock_data(s);
    (void)err;
    redisAsyncHandleWrite(l->ctx);
}

static void add_read(void *data)
{
    struct redis_link *l = data;
    if (!sock_is_reading(l->sock))
        sock_poll_read(l->sock, on_readable);
}

static void del_read(void *data)
{
    struct redis_link *l = data;
    sock_stop_read(l->sock);
}

static void add_write(void *data)
{
    struct redis_link *l = data;
    if (!sock_is_writing(l->sock))
        sock_poll_write(l->sock, on_writable);
}

static void del_write(void *data)
{
    (void)data; /* a poll for writing is good for once */
}

/* The descriptor is closed with the sock; hiredis must not close it again. */
static void cleanup(void *data)
{
    struct redis_link *l = data;
    if (l->sock == NULL)
        return;
    l->ctx->c.fd = -1;
    sock_close(l->sock);
    l->sock = NULL;
}

/* --- going down --- */

static void on_retry(struct loop_timer *t)
{
    start_connecting((struct redis_link *)(void *)((char *)t - offsetof(struct redis_link, timer)));
}

static bool may_fail_over(const struct redis_link *l)
{
    return l->target->kind == REDIS_SENTINEL && l->failures < FAILOVER_TRIES;
}

/* How long a connect and its greeting may take. */
static unsigned patience(const struct redis_link *l)
{
    return may_fail_over(l) && l->timeout_ms > 2 * FAILOVER_STEP_MS ? 2 * FAILOVER_STEP_MS : l->timeout_ms;
}

static uint32_t backoff(const struct redis_link *l)
{
    unsigned shift = l->failures < 6 ? l->failures : 6, noise = 0;
    uint32_t most = (uint32_t)BACKOFF_MIN_MS << shift, limit = may_fail_over(l) ? FAILOVER_STEP_MS : BACKOFF_MAX_MS;
    if (most > limit)
        most = limit;
    if (getrandom(&noise, sizeof(noise), GRND_NONBLOCK) < 0)
        noise = 0;
    return most / 2 + noise % (most / 2 + 1);
}

/* The context is gone or about to go: everything still unanswered was answered by hiredis with NULL. */
static void went_down(struct redis_link *l, int err, const char *why)
{
    bool was_up = l->state == LINK_UP;
    l->ctx = NULL;
    l->state = LINK_DOWN;
    if (l->freeing)
        return;
    if (was_up && l->events != NULL && l->events->on_down != NULL)
        l->events->on_down(l->arg, err, why);
    loop_timer_start(l->loop, &l->timer, backoff(l), on_retry);
    if (l->failures < 100)
        ++l->failures;
}

static void on_disconnect(const redisAsyncContext *ctx, int status)
{
    struct redis_link *l = ctx->data;
    int err = l->last_error != 0 ? l->last_error : status == REDIS_OK ? -ECONNRESET : -EPIPE;
    went_down(l, err, status == REDIS_OK ? "dropped" : ctx->errstr);
}

/* Calls on_disconnect only for a context that was connected once. */
static void drop(struct redis_link *l, int err)
{
    redisAsyncContext *ctx = l->ctx;
    if (ctx == NULL)
        return;
    l->last_error = err;
    bool connected = (ctx->c.flags & REDIS_CONNECTED) != 0;
    redisAsyncFree(ctx);
    if (!connected && l->ctx == ctx)
        went_down(l, err, "cannot connect");
}

static void stop_resolving(struct redis_link *l)
{
    resolve_forget(l->resolving);
    l->resolving = NULL;
}

static void on_greeting_late(struct loop_timer *t)
{
    struct redis_link *l = (struct redis_link *)(void *)((char *)t - offsetof(struct redis_link, timer));
    bool was_resolving = l->resolving != NULL;
    stop_resolving(l);
    if (was_resolving)
        went_down(l, -ETIMEDOUT, "no name server answers");
    else
        drop(l, -ETIMEDOUT);
}

/* --- coming up --- */

static void reach(struct redis_link *l, const char *host, int port);

static void on_info(redisAsyncContext *ctx, void *reply, void *data)
{
    struct redis_link *l = data;
    char run_id[41];
    (void)ctx;
    if (reply == NULL)
        return;
    if (redis_reply_run_id(reply, run_id) < 0) {
        drop(l, -EPROTO);
        return;
    }
    bool new_server = strcmp(run_id, l->run_id) != 0;
    memcpy(l->run_id, run_id, sizeof(run_id));
    loop_timer_stop(&l->timer);
    l->state = LINK_UP;
    l->failures = 0;
    l->last_error = 0;
    if (l->events != NULL && l->events->on_up != NULL)
        l->events->on_up(l->arg, new_server);
}

static void turn_away(struct redis_link *l, int err)
{
    refused(l, err);
    drop(l, err);
}

static void on_role(redisAsyncContext *ctx, void *reply, void *data)
{
    (void)ctx;
    if (reply != NULL && !redis_reply_is_master(reply))
        turn_away(data, redis_reply_error(reply) < 0 ? redis_reply_error(reply) : -EAGAIN);
}

static void on_greeted(redisAsyncContext *ctx, void *reply, void *data)
{
    (void)ctx;
    if (reply != NULL && redis_reply_error(reply) < 0)
        turn_away(data, redis_reply_error(reply));
}

/* All at once; Redis answers in order, and the first refusal drops the connection. */
static void greet(struct redis_link *l)
{
    const struct redis_target *t = l->target;
    redisAsyncContext *ctx = l->ctx;
    l->state = LINK_GREETING;
    if (t->password != NULL && t->user != NULL)
        redisAsyncCommand(ctx, on_greeted, l, "AUTH %s %s", t->user, t->password);
    else if (t->password != NULL)
        redisAsyncCommand(ctx, on_greeted, l, "AUTH %s", t->password);
    if (t->db != 0)
        redisAsyncCommand(ctx, on_greeted, l, "SELECT %d", t->db);
    redisAsyncCommand(ctx, on_role, l, "ROLE");
    redisAsyncCommand(ctx, on_info, l, "INFO server");
}

static void on_master_named(redisAsyncContext *ctx, void *data, void *arg)
{
    struct redis_link *l = arg;
    redisReply *reply = data;
    char host[256];
    (void)ctx;
    if (reply == NULL)
        return;
    int64_t port = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 ? redis_reply_int(reply->element[1]) : -1;
    snprintf(host, sizeof(host), "%s", redis_reply_text(reply, 0));
    if (port <= 0 || port > 65535 || host[0] == '\0') {
        drop(l, -ENOENT);
        return;
    }
    redisAsyncContext *sentinel = l->ctx;
    sentinel->data = NULL; /* its end is no news */
    cleanup(l);
    sentinel->ev = (__typeof__(sentinel->ev)){0};
    l->ctx = NULL;
    redisAsyncFree(sentinel);
    l->state = LINK_GREETING;
    reach(l, host, (int)port);
}

static void on_connect(const redisAsyncContext *ctx, int status)
{
    struct redis_link *l = ctx->data;
    if (status != REDIS_OK) { /* hiredis frees the context after this */
        l->last_error = -ECONNREFUSED;
        cleanup(l); /* while the context is known: hiredis will ask for it again, in vain */
        went_down(l, -ECONNREFUSED, ctx->errstr);
    } else if (l->state == LINK_ASKING) {
        redisAsyncCommand(l->ctx, on_master_named, l, "SENTINEL get-master-addr-by-name %s", l->target->master);
    } else {
        greet(l);
    }
}

static void on_any_disconnect(const redisAsyncContext *ctx, int status)
{
    if (ctx->data != NULL)
        on_disconnect(ctx, status);
}

static int open_address(struct redis_link *l, const char *host, int port, const char *path)
{
    redisAsyncContext *ctx = path != NULL ? redisAsyncConnectUnix(path) : redisAsyncConnect(host, port);
    if (ctx == NULL)
        return -ENOMEM;
    if (ctx->err != 0 || (l->sock = sock_new(l->loop, ctx->c.fd, l)) == NULL) {
        redisAsyncFree(ctx);
        return -ECONNREFUSED;
    }
    l->ctx = ctx;
    ctx->data = l;
    ctx->ev = (__typeof__(ctx->ev)){.data = l,
                                    .addRead = add_read,
                                    .delRead = del_read,
                                    .addWrite = add_write,
                                    .delWrite = del_write,
                                    .cleanup = cleanup};
    redisAsyncSetConnectCallback(ctx, on_connect);
    redisAsyncSetDisconnectCallback(ctx, on_any_disconnect);
    loop_timer_start(l->loop, &l->timer, patience(l), on_greeting_late);
    return 0;
}

static void open_or_retry(struct redis_link *l, const char *host, int port, const char *path)
{
    int err = open_address(l, host, port, path);
    if (err < 0)
        went_down(l, err, "cannot connect");
}

static void on_resolved(void *arg, const char *address)
{
    struct redis_link *l = arg;
    l->resolving = NULL;
    if (address == NULL)
        went_down(l, -EHOSTUNREACH, "the host name has no address");
    else
        open_or_retry(l, address, l->port, NULL);
}

static void reach(struct redis_link *l, const char *host, int port)
{
    if (resolve_is_address(host)) {
        open_or_retry(l, host, port, NULL);
        return;
    }
    l->port = port;
    l->resolving = resolve_begin(l->loop, host, on_resolved, l);
    if (l->resolving == NULL)
        went_down(l, -ENOMEM, "cannot resolve");
    else
        loop_timer_start(l->loop, &l->timer, patience(l), on_greeting_late);
}

static void start_connecting(struct redis_link *l)
{
    const struct redis_target *t = l->target;
    l->state = t->kind == REDIS_SENTINEL ? LINK_ASKING : LINK_GREETING;
    if (t->kind == REDIS_UNIX) {
        open_or_retry(l, NULL, 0, t->path);
        return;
    }
    const struct redis_address *a = &t->addresses[l->next_address++ % t->address_count];
    reach(l, a->host, a->port);
}

int redis_link_new(struct loop *loop, const struct redis_target *target, unsigned timeout_ms,
                   const struct redis_link_events *events, void *arg, struct redis_link **out)
{
    struct redis_link *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return -ENOMEM;
    l->loop = loop;
    l->target = target;
    l->timeout_ms = timeout_ms;
    l->events = events;
    l->arg = arg;
    *out = l;
    start_connecting(l);
    return 0;
}

bool redis_link_is_up(const struct redis_link *l)
{
    return l->state == LINK_UP;
}

int redis_link_error(const struct redis_link *l)
{
    return l->state == LINK_UP ? 0 : l->last_error != 0 ? l->last_error : -ENOTCONN;
}

/* --- calls --- */

static void call_free(struct call *call)
{
    for (int i = 0; i < call->argc && call->argv != NULL; ++i)
        free(call->argv[i]);
    free(call->argv);
    free(call);
}

/* Answers once; the call itself lives until hiredis has let it go. */
static void answer(struct call *call, const redisReply *reply, int err)
{
    redis_link_cb cb = call->cb;
    const struct redis_link_events *events = call->owner->events;
    if (cb == NULL)
        return;
    if (reply != NULL && events != NULL && events->observe != NULL)
        events->observe(clock_steady_us() - call->began_us);
    loop_timer_stop(&call->timer);
    *call->link = call->next;
    if (call->next != NULL)
        call->next->link = call->link;
    call->cb = NULL;
    cb(call->arg, err == 0 ? reply : NULL, err);
}

static void on_reply(redisAsyncContext *ctx, void *data, void *arg);

static int send_argv(struct call *call, const char *first, const char *second, int argc, const char *const *argv)
{
    const char *all[3 + 64];
    int n = 0;
    if (first != NULL) {
        all[n++] = first;
        all[n++] = second;
        all[n++] = "0";
    }
    for (int i = 0; i < argc && i < 64; ++i)
        all[n++] = argv[i];
    return redisAsyncCommandArgv(call->owner->ctx, on_reply, call, n, all, NULL) == REDIS_OK ? 0 : -EPIPE;
}

/* Redis does not have the script (it restarted, or SCRIPT FLUSH): its text loads it and runs it. */
static bool sent_whole(struct call *call)
{
    if (call->script < 0 || call->argv == NULL || call->cb == NULL)
        return false;
    int err = send_argv(call, "EVAL", redis_script_text((enum redis_script)call->script), call->argc,
                        (const char *const *)call->argv);
    call->script = -1;
    return err == 0;
}

static void on_reply(redisAsyncContext *ctx, void *data, void *arg)
{
    struct call *call = arg;
    struct redis_link *l = call->owner;
    const redisReply *reply = data;
    int err = reply == NULL ? (l->last_error != 0 ? l->last_error : -EPIPE) : redis_reply_error(reply);
    (void)ctx;

    if (l->freeing)
        err = -ECANCELED;
    if (err == -ENOENT && sent_whole(call))
        return;
    if (reply != NULL)
        refused(l, err);
    bool not_master = reply != NULL && err == -EAGAIN;
    answer(call, reply, err);
    call_free(call);
    if (not_master && l->state == LINK_UP && l->ctx == ctx)
        drop(l, err);
}

static void on_call_late(struct loop_timer *t)
{
    struct call *call = (struct call *)(void *)((char *)t - offsetof(struct call, timer));
    struct redis_link *l = call->owner;
    answer(call, NULL, -ETIMEDOUT);
    drop(l, -ETIMEDOUT); /* frees the call */
}

static void on_early_error(struct loop_timer *t)
{
    struct call *call = (struct call *)(void *)((char *)t - offsetof(struct call, timer));
    answer(call, NULL, call->early_error);
    call_free(call);
}

static void keep_argv(struct call *call, int argc, const char **argv)
{
    call->argv = calloc((size_t)argc, sizeof(*call->argv));
    if (call->argv == NULL)
        return; /* then a missing script is an error of this one call */
    for (int i = 0; i < argc; ++i)
        if ((call->argv[i] = strdup(argv[i])) != NULL)
            call->argc = i + 1;
}

static void begin(struct redis_link *l, unsigned timeout_ms, int script, int argc, const char **argv, redis_link_cb cb,
                  void *arg)
{
    struct call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        abort(); /* a call that is never answered would hang its upload for ever */
    call->owner = l;
    call->cb = cb;
    call->arg = arg;
    call->script = script;
    call->began_us = clock_steady_us();
    call->next = l->calls;
    call->link = &l->calls;
    if (call->next != NULL)
        call->next->link = &call->next;
    l->calls = call;
    if (script >= 0)
        keep_argv(call, argc, argv);
    int err = -ENOTCONN;
    if (l->state == LINK_UP)
        err = script < 0 ? send_argv(call, NULL, NULL, argc, argv)
                         : send_argv(call, "EVALSHA", redis_script_sha((enum redis_script)script), argc, argv);
    call->early_error = err;
    loop_timer_start(l->loop, &call->timer,
                     err < 0          ? 0
                     : timeout_ms > 0 ? timeout_ms
                                      : l->timeout_ms,
                     err < 0 ? on_early_error : on_call_late);
}

void redis_link_command(struct redis_link *l, unsigned timeout_ms, int argc, const char **argv, redis_link_cb cb,
                        void *arg)
{
    begin(l, timeout_ms, -1, argc, argv, cb, arg);
}

void redis_link_script(struct redis_link *l, unsigned timeout_ms, enum redis_script script, int argc, const char **argv,
                       redis_link_cb cb, void *arg)
{
    begin(l, timeout_ms, (int)script, argc, argv, cb, arg);
}

void redis_link_free(struct redis_link *l)
{
    if (l == NULL)
        return;
    l->freeing = true;
    loop_timer_stop(&l->timer);
    stop_resolving(l);
    drop(l, -ECANCELED);
    while (l->calls != NULL) { /* those that never reached hiredis */
        struct call *call = l->calls;
        answer(call, NULL, -ECANCELED); /* takes it off the list */ // NOLINT(clang-analyzer-unix.Malloc)
        call_free(call);                                            // NOLINT(clang-analyzer-unix.Malloc)
    }
    free(l);
}
