/* The sweep: a job that looks, then one upload after the other; see sweep.h. Never discards anything. */
#include "services/upload-gw/sweep.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/records.h"
#include "services/upload-gw/conn.h"
#include "services/upload-gw/metrics.h"
#include "services/upload-gw/reservations.h"
#include "services/upload-gw/tus.h"
#include "shared/clock/clock.h"
#include "shared/log/log.h"

#define FOUND_MAX   64 /* of one round; the others have theirs */
#define RECORD_SIZE 8192
#define AGE_SLACK   2 /* leases that a gateway may have been silent for */

struct found {
    bool resumable;
    struct record_manifest manifest; /* of a resumable one the id alone */
};

struct sweep {
    struct lane *lane;
    struct loop_timer timer;
    struct pool_job job;
    struct loop_message done;
    struct sock *asking; /* our end of a request to ourselves */
    int err;             /* of the job */
    size_t count, at;
    bool resting, again; /* the timer runs; another round is wanted at once */
    struct found found[FOUND_MAX];
};

static void next(struct sweep *s);

static struct sweep *of_job(struct pool_job *job)
{
    return (struct sweep *)(void *)((char *)job - offsetof(struct sweep, job));
}

static struct sweep *of_message(struct loop_message *m)
{
    return (struct sweep *)(void *)((char *)m - offsetof(struct sweep, done));
}

static void lend(struct sweep *s, void (*run)(struct pool_job *job, char *buffer, size_t size),
                 void (*then)(struct loop_message *m))
{
    s->job.run = run;
    s->done.run = then;
    pool_add(s->lane->gateway->publishers, &s->job);
}

/* --- looking, on a pool thread --- */

static struct found *add(struct sweep *s, const char *id)
{
    struct found *f = &s->found[s->count];
    *f = (struct found){.resumable = false};
    memcpy(f->manifest.upload_id, id, SPOOL_ID_SIZE);
    ++s->count;
    return f;
}

static void look_at_state(struct sweep *s, const char *id, const struct record_state *state, int64_t now_us)
{
    const struct gateway_config *config = &s->lane->gateway->config;
    int64_t written_us = state->expires_us - config->upload_expiry * 1000; /* stat() is not to be trusted over NFS */
    bool whole = state->length >= 0 && state->offset == state->length;

    if (state->expires_us <= now_us)
        return;
    reservations_seen(s->lane->gateway->reservations, id, state->length >= 0 ? state->length - state->offset : 0);
    if (whole && now_us - written_us > AGE_SLACK * config->resume_lease * 1000)
        add(s, id)->resumable = true;
}

static void look_at_draft(struct sweep *s, const char *id, const struct record_manifest *draft, int64_t now_us)
{
    if (strcmp(draft->upload_id, id) == 0 && draft->version == 1 &&
        now_us - draft->finished_us > s->lane->gateway->config.upload_lease * 1000)
        add(s, id)->manifest = *draft;
}

/* What cannot be read is another's: being made, being removed, or not ours to judge. */
static int look_at(void *arg, const char *id)
{
    struct sweep *s = arg;
    struct spool *spool = s->lane->gateway->spool;
    char bytes[RECORD_SIZE];
    struct record_state state;
    struct record_manifest draft;
    int64_t now_us = clock_now_us();

    ssize_t n = spool_state_read(spool, id, bytes, sizeof(bytes));
    if (n > 0 && record_state_decode(bytes, (size_t)n, &state) == 0)
        look_at_state(s, id, &state, now_us);
    else if (n == -ENOENT && (n = spool_draft_read(spool, id, bytes, sizeof(bytes))) > 0 &&
             record_manifest_decode(bytes, (size_t)n, &draft) == 0)
        look_at_draft(s, id, &draft, now_us);
    return s->count == FOUND_MAX;
}

static void run_look(struct pool_job *job, char *buffer, size_t size)
{
    struct sweep *s = of_job(job);
    (void)buffer;
    (void)size;
    s->count = s->at = 0;
    reservations_scan_begin(s->lane->gateway->reservations);
    s->err = spool_each(s->lane->gateway->spool, look_at, s);
    if (s->err == 0) /* seen to the end: what was not there is no more */
        reservations_scan_end(s->lane->gateway->reservations);
    loop_post(s->lane->loop, &s->done);
}

/* --- a plain upload --- */

static void on_published(struct loop_message *m)
{
    struct sweep *s = of_message(m);
    const struct record_manifest *manifest = &s->found[s->at - 1].manifest;
    if (s->err < 0) {
        log_warn("upload.not_swept", LOG_S("upload_id", manifest->upload_id), LOG_E(s->err));
    } else {
        COUNT(UPLOADS_SWEPT);
        log_info("upload.swept", LOG_S("upload_id", manifest->upload_id), LOG_I("ticket", manifest->number),
                 LOG_I("size", manifest->size));
        publish_wake(s->lane, manifest->ticket_id, manifest->upload_id);
    }
    next(s);
}

static void run_publish(struct pool_job *job, char *buffer, size_t size)
{
    struct sweep *s = of_job(job);
    (void)buffer;
    (void)size;
    s->err = publish_manifest(s->lane->gateway->spool, &s->found[s->at - 1].manifest);
    loop_post(s->lane->loop, &s->done);
}

/* Its data was synced before the commit was asked for; without the commit nobody was promised anything. */
static void on_claimed(void *arg, enum commit_status status, const char *name, int64_t left)
{
    struct sweep *s = arg;
    struct record_manifest *manifest = &s->found[s->at - 1].manifest;
    (void)left;
    if (status == COMMIT_OK && name[0] != '\0') {
        snprintf(manifest->name, sizeof(manifest->name), "%s", name);
        lend(s, run_publish, on_published);
    } else {
        next(s);
    }
}

/* --- a resumable one --- */

static void on_answer(struct sock *sock, int err)
{
    static const char good[] = "HTTP/1.1 200 ";
    struct sweep *s = sock_data(sock);
    char answer[4096];
    ssize_t n = err < 0 ? 0 : recv(sock_fd(sock), answer, sizeof(answer), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > (ssize_t)sizeof(good) && memcmp(answer, good, sizeof(good) - 1) == 0)
        COUNT(UPLOADS_SWEPT);
    sock_close(s->asking);
    s->asking = NULL;
    next(s);
}

static bool ask_ourselves(struct sweep *s, const char *id)
{
    char request[256];
    int ends[2];
    int n = snprintf(
        request, sizeof(request),
        "HEAD " TUS_PATH "%s HTTP/1.1\r\nHost: gateway\r\nTus-Resumable: 1.0.0\r\nConnection: close\r\n\r\n", id);

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    if ((s->asking = sock_new(s->lane->loop, ends[0], s)) == NULL) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    sock_poll_read(s->asking, on_answer);
    conn_open_inner(s->lane, ends[1], "unix");
    return send(ends[0], request, (size_t)n, MSG_NOSIGNAL) == n; /* it fits: or the answer is a refusal */
}

/* --- round after round --- */

static void on_time(struct loop_timer *t);

static void rest(struct sweep *s)
{
    int64_t ms = s->again ? 0 : s->lane->gateway->config.sweep_interval;
    s->again = false;
    s->resting = true;
    loop_timer_start(s->lane->loop, &s->timer, (uint32_t)ms, on_time);
}

void sweep_soon(struct sweep *s)
{
    s->again = true;
    if (s->resting)
        rest(s);
}

static void next(struct sweep *s)
{
    while (s->at < s->count && !s->lane->draining && redis_link_is_up(s->lane->link)) {
        struct found *f = &s->found[s->at++];
        if (!f->resumable) {
            attempts_claimed(s->lane->link, f->manifest.ticket_id, f->manifest.upload_id, on_claimed, s);
            return;
        }
        if (ask_ourselves(s, f->manifest.upload_id) || s->asking != NULL)
            return;
    }
    rest(s);
}

static void on_looked(struct loop_message *m)
{
    struct sweep *s = of_message(m);
    if (s->err < 0)
        log_warn("sweep.failed", LOG_E(s->err));
    next(s);
}

static void on_time(struct loop_timer *t)
{
    struct sweep *s = (struct sweep *)(void *)((char *)t - offsetof(struct sweep, timer));
    s->resting = false;
    if (!s->lane->draining)
        lend(s, run_look, on_looked);
}

int sweep_start(struct lane *lane)
{
    struct sweep *s = calloc(1, sizeof(*s)); /* lives as long as the process */
    if (s == NULL)
        return -ENOMEM;
    s->lane = lane;
    lane->gateway->sweep = s;
    s->again = true;
    rest(s);
    return 0;
}
