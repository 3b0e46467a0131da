/* Opening and closing, what requests ask for, and the commands; see storage.h. */
#include "services/admin-api/storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "shared/clock/clock.h"
#include "shared/log/log.h"
#include "shared/redis/attempts.h"
#include "shared/redis/reply.h"

#define QUICK_TIMEOUT_MS 1000
#define DELETE_WAIT_MS   2000 /* that a request spends on removing files; the rest is the keeper's */
#define QUICK_PAUSE_MS   1000 /* after a failure requests leave it to the keeper for so long */

int storage_open(struct db *db, const struct storage_options *options, struct storage **out, char *why, size_t why_size)
{
    struct storage *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    s->db = db;
    s->options = *options;
    s->archives = -1;
    s->gateway_uid = options->gateway_uid < 0 ? (uint32_t)geteuid() : (uint32_t)options->gateway_uid;
    s->reconciled_ms = s->expired_ms = clock_steady_ms();
    pthread_mutex_init(&s->quick_lock, NULL);
    s->quick_failed_ms = clock_steady_ms() - QUICK_PAUSE_MS;
    s->quick = redis_client_new(options->redis, QUICK_TIMEOUT_MS);
    s->client = redis_client_new(options->redis, options->redis_timeout_ms);
    s->subscriber = redis_client_new(options->redis, options->redis_timeout_ms);
    int err = s->quick == NULL || s->client == NULL || s->subscriber == NULL ? -ENOMEM : 0;
    if (err == 0) {
        redis_client_observe(s->quick, options->observe_redis);
        redis_client_observe(s->client, options->observe_redis);
    }
    if (err == 0 && (err = spool_open(options->data_dir, &s->spool)) < 0)
        spool_explain(options->data_dir, err, why, why_size);
    if (err == 0)
        err = store_open_archives(s, why, why_size);
    if (err == 0)
        err = mark_check(s, why, why_size);
    if (err < 0) {
        storage_close(s);
        return err;
    }
    *out = s;
    return 0;
}

/* What was told behind the last sweep: a backup made before it and restored now is noticed by it. */
static void count_told(struct storage *s)
{
    struct db_conn *c;
    if (s->failing[SWEEP_DATABASE].error < 0 || s->failing[SWEEP_PROJECTION].error < 0 || db_acquire(s->db, &c) < 0)
        return;
    (void)lineage_count(c, s->client);
    db_release(c);
}

void storage_close(struct storage *s)
{
    if (s == NULL)
        return;
    atomic_store(&s->stopping, true);
    if (s->keeping) {
        pthread_join(s->keeper, NULL);
        count_told(s);
    }
    redis_client_free(s->quick);
    redis_client_free(s->client);
    redis_client_free(s->subscriber);
    pthread_mutex_destroy(&s->quick_lock);
    if (s->archives >= 0)
        close(s->archives);
    spool_close(s->spool);
    free(s);
}

int storage_quickly(struct storage *s, int (*run)(struct storage *s, struct db_conn *c, void *arg), struct db_conn *c,
                    void *arg)
{
    pthread_mutex_lock(&s->quick_lock);
    int err = s->quick_error;
    if (clock_steady_ms() - s->quick_failed_ms >= QUICK_PAUSE_MS) {
        err = run(s, c, arg);
        if (err < 0) {
            s->quick_failed_ms = clock_steady_ms();
            s->quick_error = err;
        }
    }
    pthread_mutex_unlock(&s->quick_lock);
    if (err < 0)
        storage_poke(s);
    return err;
}

static int run_project(struct storage *s, struct db_conn *c, void *arg)
{
    return projection_ticket(c, s->quick, *(const int64_t *)arg, NULL);
}

void storage_ticket_changed(struct storage *s, struct db_conn *c, int64_t ticket_id)
{
    (void)storage_quickly(s, run_project, c, &ticket_id);
}

struct freed {
    int64_t ticket_id;
    const char *name;
};

static int run_free_name(struct storage *s, struct db_conn *c, void *arg)
{
    const struct freed *f = arg;
    const struct projection_extra extra = {.freed_name = f->name};
    return projection_ticket(c, s->quick, f->ticket_id, &extra);
}

void storage_name_freed(struct storage *s, struct db_conn *c, int64_t ticket_id, const char *name)
{
    struct freed f = {.ticket_id = ticket_id, .name = name};
    (void)storage_quickly(s, run_free_name, c, &f);
}

static int run_bury(struct storage *s, struct db_conn *c, void *arg)
{
    (void)arg;
    return projection_bury(c, s->quick);
}

void storage_after_delete(struct storage *s, struct db_conn *c)
{
    struct sweep_outcome out;
    (void)storage_quickly(s, run_bury, c, NULL);
    (void)deletion_sweep(s, c, clock_steady_ms() + DELETE_WAIT_MS, &out);
    storage_poke(s); /* for what is left, or failed */
}

int storage_ready(struct storage *s)
{
    struct statvfs fs;
    return fstatvfs(s->archives, &fs) < 0 ? -errno : spool_fs_state(&fs);
}

/* Now, whatever failed before: readiness is no memory. */
static int ask_redis(struct storage *s)
{
    char epoch[64];
    pthread_mutex_lock(&s->quick_lock);
    int err = redis_client_probe(s->quick);
    if (err == 0 && (err = attempts_epoch_get(s->quick, epoch)) == -ENOENT)
        err = -ENODATA;
    s->quick_failed_ms = clock_steady_ms() - (err < 0 ? 0 : QUICK_PAUSE_MS);
    s->quick_error = err;
    pthread_mutex_unlock(&s->quick_lock);
    return err;
}

/* One line when it takes nothing, and one when it does again. */
static void note_redis(struct storage *s, int err)
{
    int last = atomic_exchange(&s->redis_said, err);
    if (last == err || (last == 0 && err == -ENODATA)) /* at a start: the keeper is about to tell it */
        return;
    if (err < 0)
        log_warn("redis.away", LOG_S("state", redis_reply_state(err)), LOG_S("why", redis_client_advice(err)));
    else
        log_info("redis.back");
}

int storage_redis_ready(struct storage *s)
{
    int err = ask_redis(s);
    note_redis(s, err);
    if (err < 0)
        storage_poke(s);
    return err;
}

static int count_one(void *arg, const char *id)
{
    (void)id;
    ++*(int64_t *)arg;
    return 0;
}

struct backlog {
    int directory;
    int64_t count, oldest; /* seconds since 1970; 0: none */
};

/* The manifest is the last thing that changes an upload's directory. */
static int add_to_backlog(void *arg, const char *id)
{
    struct backlog *b = arg;
    struct stat st;

    if (fstatat(b->directory, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno; /* filed meanwhile */
    ++b->count;
    if (b->oldest == 0 || st.st_mtime < b->oldest)
        b->oldest = st.st_mtime;
    return 0;
}

static int look_at_backlog(struct storage *s, struct storage_info *out)
{
    struct backlog b = {.directory = spool_new_fd(s->spool)};
    int err = store_each(b.directory, add_to_backlog, &b);
    int64_t age = b.oldest == 0 ? 0 : clock_now_us() / 1000000 - b.oldest;

    out->spooled = b.count;
    out->spooled_oldest_s = age < 0 ? 0 : age;
    return err;
}

int storage_info(struct storage *s, struct storage_info *out)
{
    struct statvfs fs;
    *out = (struct storage_info){0};
    if (fstatvfs(s->archives, &fs) < 0)
        return -errno;
    out->total = (int64_t)(fs.f_blocks * fs.f_frsize);
    out->free = (int64_t)(fs.f_bavail * fs.f_frsize);
    out->used = (int64_t)((fs.f_blocks - fs.f_bfree) * fs.f_frsize);
    int err = look_at_backlog(s, out);
    return err < 0 ? err : store_each(spool_orphans_fd(s->spool), count_one, &out->orphans);
}

const char *storage_scan_state(const struct storage *s)
{
    return s->options.scans ? "pending" : "skipped";
}

int storage_project_all(struct storage *s, struct db_conn *c)
{
    int err = lineage_begin(c, s->client);
    return err < 0 ? err : projection_all(s, c, s->client);
}
