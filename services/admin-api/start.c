/* Opening and closing the stores; see start.h. */
#include "services/admin-api/start.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "services/admin-api/accounts/throttle.h"
#include "services/admin-api/http/site.h"
#include "services/admin-api/look.h"
#include "services/admin-api/metrics.h"
#include "services/admin-api/migrations.h"
#include "services/admin-api/security/key_mark.h"
#include "services/admin-api/security/keyring.h"
#include "services/admin-api/security/password.h"
#include "services/admin-api/storage/storage.h"
#include "shared/db/db.h"
#include "shared/log/log.h"
#include "shared/loop/server.h"
#include "shared/net/inherit.h"
#include "shared/redis/client.h"
#include "shared/spool/spool.h"

/* The keeper's, one for lists being sent, one for readiness, one for web hooks, one for the malware scan. */
#define SPARE_CONNECTIONS   5
#define REASON              480
#define PREDECESSOR_MS      60000
#define PREDECESSOR_STEP_MS 20
#define LOOKED_THROUGH      (64 * 1024 * 1024) /* a larger database is not at each start: `check` does */
#define THROTTLE_REDIS_MS   1000               /* a login waits no longer for the count of failed ones */

struct opened {
    struct admin admin;
    struct redis_target *redis;
    struct keyring *keys;
    struct storage *storage;
    struct throttle *throttle;
    struct site *site;
    bool looks_only, database_unread; /* as storage.h has them */
};

/* Before the database is looked for in it, whose words would name another variable. */
static int check_data_dir(const char *path, char *why, size_t why_size)
{
    struct stat st;
    int err = stat(path, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;

    if (err < 0)
        spool_explain(path, err, why, why_size);
    return err;
}

int opened_new(const struct admin_config *config, struct opened **out, char *why, size_t why_size)
{
    char reason[REASON] = "out of memory";
    struct opened *o = calloc(1, sizeof(*o));
    int err = o == NULL ? -ENOMEM : redis_target_parse(config->redis_url, &o->redis, reason, sizeof(reason));

    if (err < 0)
        snprintf(why, why_size, "REDIS_URL: %s", reason);
    else if ((err = keyring_new(config->secret_key, config->secret_key_fallbacks, &o->keys, reason, sizeof(reason))) <
             0)
        snprintf(why, why_size, "SECRET_KEY: %s", reason);
    else
        err = check_data_dir(config->data_dir, why, why_size);
    if (err < 0) {
        opened_free(o);
        return err;
    }
    password_setup((size_t)config->password_memory, (unsigned)config->password_passes);
    o->admin.config = config;
    o->admin.keys = o->keys;
    *out = o;
    return 0;
}

void opened_free(struct opened *o)
{
    if (o == NULL)
        return;
    site_free(o->site);
    throttle_free(o->throttle);
    storage_close(o->storage);
    db_close(o->admin.db);
    redis_target_free(o->redis);
    keyring_free(o->keys);
    free(o);
}

const struct admin *opened_admin(const struct opened *o)
{
    return &o->admin;
}

static bool inherits_listener(void)
{
    char why[REASON];
    int fd;
    return inherit_listener(INHERIT_REQUESTS, &fd, why, sizeof(why)) == 1;
}

/* sqlite has one service at a time: who is to replace another waits for its end, and clients in the socket's queue. */
static int wait_for_predecessor(const char *url, const struct db_options *options, struct db **out, char reason[REASON])
{
    const struct timespec step = {.tv_nsec = PREDECESSOR_STEP_MS * 1000000L};
    int err = -EADDRINUSE;

    log_info("start.waiting", LOG_S("why", reason));
    for (int waited = 0; waited < PREDECESSOR_MS && err == -EADDRINUSE; waited += PREDECESSOR_STEP_MS) {
        nanosleep(&step, NULL);
        err = db_open(url, options, out, reason, REASON);
    }
    return err;
}

static int open_database(struct opened *o, bool exclusive, char *why, size_t why_size)
{
    char reason[REASON] = "";
    const struct admin_config *config = o->admin.config;
    const struct db_options options = {
        .connections = (unsigned)config->workers + SPARE_CONNECTIONS,
        .statement_timeout_ms = (unsigned)config->statement_timeout,
        .exclusive = exclusive,
        .observe = admin_observe_database,
    };
    int err = db_open(config->db_url, &options, &o->admin.db, reason, sizeof(reason));
    if (exclusive && err == -EADDRINUSE && inherits_listener())
        err = wait_for_predecessor(config->db_url, &options, &o->admin.db, reason);
    if (err < 0)
        snprintf(why, why_size, "DB_URL: %s", reason);
    return err;
}

/* Before it is made: one that is made by mistake would be found at the next start. */
static int check_new(struct opened *o, enum database_state state, char *why, size_t why_size)
{
    bool is_new = state == DATABASE_MISSING || state == DATABASE_EMPTY;

    return is_new ? storage_is_free(o->admin.config->data_dir, why, why_size) : 0;
}

/* `looked`: what a look at it before said. What else is wrong with it, it says itself. */
static int open_and_migrate(struct opened *o, int looked, bool exclusive, char *why, size_t why_size)
{
    char reason[REASON] = "";
    size_t count;

    if (looked == -EPROTO || looked == -EEXIST)
        return looked;
    int err = open_database(o, exclusive, why, why_size);
    if (err < 0)
        return err;
    const struct db_migration *steps = admin_migrations(db_dialect(o->admin.db), &count);
    err = db_intact(o->admin.db, LOOKED_THROUGH, reason, sizeof(reason));
    if (err == 0)
        err = db_migrate(o->admin.db, steps, count, reason, sizeof(reason));
    if (err < 0)
        snprintf(why, why_size, "DB_URL: %s", reason);
    return err;
}

int opened_database(struct opened *o, bool exclusive, char *why, size_t why_size)
{
    enum database_state state;
    int err = database_look(o->admin.config, &state, why, why_size);

    if (err == 0)
        err = check_new(o, state, why, why_size);
    return open_and_migrate(o, err, exclusive, why, why_size);
}

int opened_any_database(struct opened *o, bool exclusive, char *why, size_t why_size)
{
    enum database_state state;
    int err = database_look(o->admin.config, &state, why, why_size);

    return open_and_migrate(o, err, exclusive, why, why_size);
}

static int with_keys(struct opened *o, int (*run)(const struct keyring *k, struct db_conn *c, char *why, size_t size),
                     char *why, size_t why_size)
{
    struct db_conn *c = NULL;
    int err = db_acquire(o->admin.db, &c);

    snprintf(why, why_size, "DB_URL: the database cannot be read: %s", strerror(-err));
    if (err == 0 && (err = run(o->keys, c, why, why_size)) < 0 && err != -EKEYREJECTED)
        snprintf(why, why_size, "DB_URL: %s", db_error(c));
    db_release(c);
    return err;
}

int opened_keys(struct opened *o, char *why, size_t why_size)
{
    return with_keys(o, key_mark_keep, why, why_size);
}

static int open_storage(struct opened *o, char *why, size_t why_size)
{
    const struct admin_config *config = o->admin.config;
    const struct storage_options options = {
        .data_dir = config->data_dir,
        .redis = o->redis,
        .redis_timeout_ms = (unsigned)config->redis_timeout,
        .observe_redis = admin_observe_redis,
        .gateway_uid = config->gateway_uid,
        .sweep_ms = config->sweep_interval,
        .filing_wait_ms = config->filing_wait,
        .reconcile_age_ms = config->reconcile_age,
        .orphan_retention_ms = config->orphan_retention,
        .scans = config->clamd_socket[0] != '\0',
        .retention_all_ms = config->retention_all,
        .retention_resolved_ms = config->retention_resolved,
        .expiry_ms = config->upload_expiry,
        .clock_ahead_ms = config->clock_ahead_max,
        .clock_gap_ms = config->clock_gap_max,
        .looks_only = o->looks_only,
        .database_unread = o->database_unread,
    };
    int err = storage_open(o->admin.db, &options, &o->storage, why, why_size);
    o->admin.storage = err < 0 ? NULL : o->storage;
    return err;
}

int opened_check_redis(struct opened *o, char *why, size_t why_size)
{
    char reason[REASON] = "out of memory";
    struct redis_client *client = redis_client_new(o->redis, (unsigned)o->admin.config->redis_timeout);
    int err = client == NULL ? -ENOMEM : redis_client_check(client, reason, sizeof(reason));

    redis_client_free(client);
    if (err < 0)
        snprintf(why, why_size, "REDIS_URL: %s", reason);
    return err;
}

/* 0, or negative with one line in `why` that names the setting. */
static int listen_at(const char *where, enum inherit_role role, const char *setting, struct admin_listener *out,
                     char *why, size_t why_size)
{
    char reason[REASON] = "";
    int err = inherit_listener(role, &out->fd, reason, sizeof(reason));

    out->inherited = err == 1;
    if (err == 0)
        err = out->fd = server_listen(where, reason, sizeof(reason));
    if (err < 0)
        snprintf(why, why_size, "%s: %s", setting, reason);
    return err < 0 ? err : 0;
}

int opened_listeners(struct opened *o, char *why, size_t why_size)
{
    const struct admin_config *config = o->admin.config;
    int err = listen_at(config->listen, INHERIT_REQUESTS, "ADMIN_LISTEN", &o->admin.requests, why, why_size);

    o->admin.status.fd = -1;
    if (err == 0 && strcmp(config->status_listen, "off") != 0)
        err = listen_at(config->status_listen, INHERIT_STATUS, "ADMIN_STATUS_LISTEN", &o->admin.status, why, why_size);
    return err;
}

int opened_stores(struct opened *o, char *why, size_t why_size)
{
    int err = opened_check_redis(o, why, why_size);

    if (err == -ENOTSUP || err == -EINVAL)
        return err;
    if (err < 0) /* it may come back, and nothing is lost without it */
        log_warn("redis.away", LOG_E(err), LOG_S("why", why));
    o->throttle = throttle_new(o->redis, THROTTLE_REDIS_MS, (unsigned)o->admin.config->login_free_failures);
    if (o->throttle == NULL) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    o->admin.throttle = o->throttle;
    return open_storage(o, why, why_size);
}

/* <prefix>/web/admin-api for the binary <prefix>/bin/admin-api. */
static void pages_beside_binary(char *out, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n < 0 ? 0 : n] = '\0';
    for (int i = 0; i < 2; ++i) {
        char *slash = strrchr(self, '/');
        if (slash != NULL)
            *slash = '\0';
    }
    snprintf(out, size, "%.*s/web/admin-api", (int)size - 32, self);
}

int opened_site(struct opened *o, char *why, size_t why_size)
{
    char root[PATH_MAX], reason[REASON] = "";
    const char *named = o->admin.config->web_dir;

    if (*named == '\0')
        pages_beside_binary(root, sizeof(root));
    int err = site_open(*named == '\0' ? root : named, &o->site, reason, sizeof(reason));
    if (err == -ENOENT && *named == '\0') {
        log_warn("pages.missing", LOG_S("why", reason));
        return 0;
    }
    if (err < 0)
        snprintf(why, why_size, "ADMIN_WEB_DIR: %s", reason);
    o->admin.site = o->site;
    return err;
}

int opened_all(struct opened *o, char *why, size_t why_size)
{
    int err = opened_database(o, false, why, why_size);

    if (err == 0)
        err = opened_keys(o, why, why_size);
    return err < 0 ? err : opened_stores(o, why, why_size);
}

int opened_dry_run(struct opened *o, char *why, size_t why_size)
{
    enum database_state state;
    int err = database_look(o->admin.config, &state, why, why_size);

    o->looks_only = true;
    if (err == 0)
        err = check_new(o, state, why, why_size);
    if (err < 0 || state == DATABASE_MISSING || state == DATABASE_EMPTY)
        return err;
    if (state == DATABASE_OLDER) {
        snprintf(why, why_size, "DB_URL: the database is of an older release: run admin-api migrate first");
        return -EINVAL;
    }
    return open_database(o, false, why, why_size);
}

static int check_opened(struct opened *o, enum database_state state, char *why, size_t why_size)
{
    char reason[REASON] = "";
    int err = db_intact(o->admin.db, 0, reason, sizeof(reason));

    if (err == 0 && state != DATABASE_EMPTY)
        err = db_try_write(o->admin.db, reason, sizeof(reason));
    if (err < 0)
        snprintf(why, why_size, "DB_URL: %s", reason);
    return err == 0 && state == DATABASE_OURS ? with_keys(o, key_mark_check, why, why_size) : err;
}

int opened_check_database(struct opened *o, char *why, size_t why_size)
{
    enum database_state state;
    int err = database_look(o->admin.config, &state, why, why_size);

    if (err == 0 && state != DATABASE_MISSING)
        err = open_database(o, false, why, why_size);
    if (err == 0 && state != DATABASE_MISSING)
        err = check_opened(o, state, why, why_size);
    if (err == 0)
        snprintf(why, why_size, "%s", database_state_text(state));
    return err;
}

int opened_check_storage(struct opened *o, char *why, size_t why_size)
{
    enum database_state state;
    int known = database_look(o->admin.config, &state, why, why_size);

    o->looks_only = true;
    o->database_unread = known < 0 || state != DATABASE_OURS || o->admin.db == NULL;
    int err = open_storage(o, why, why_size);
    if (err == 0 && known == 0)
        err = check_new(o, state, why, why_size);
    if (err < 0)
        return err;
    *why = '\0';
    if ((err = storage_ready(o->storage)) < 0)
        spool_explain(o->admin.config->data_dir, err, why, why_size);
    return err;
}
