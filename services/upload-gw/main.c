/* upload-gw: receives archives from customers. Start-up, signals, end; everything else has its own file. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "services/upload-gw/cors.h"
#include "services/upload-gw/door.h"
#include "services/upload-gw/fast.h"
#include "services/upload-gw/health.h"
#include "services/upload-gw/lane.h"
#include "services/upload-gw/metrics.h"
#include "services/upload-gw/networks.h"
#include "services/upload-gw/reservations.h"
#include "services/upload-gw/room.h"
#include "services/upload-gw/tus.h"
#include "shared/clock/clock.h"
#include "shared/log/log.h"
#include "shared/net/address.h"
#include "shared/net/cidr.h"
#include "shared/net/inherit.h"
#include "shared/redis/client.h"
#include "shared/tls/tls.h"

#define RECEIVE_BUFFER (1024 * 1024) /* two uploads at a time */
#define WHY_SIZE       512

static int usage(FILE *out)
{
    fputs("upload-gw - the public side of Logs Collector: takes archives from customers.\n\n"
          "Usage: upload-gw [--help | --version | --print-config | health [--ready]]\n\n"
          "  health [--ready]\n"
          "      Asks the gateway that runs with these settings how it is, for health checks: exit status 0, or 1 "
          "saying\n"
          "      why. --ready: whether it could take an upload now, Redis and storage included.\n\n"
          "Configured by its environment; each variable X may be given as X_FILE, the name of a file:\n\n",
          out);
    config_help(gateway_config_rows, gateway_config_count, out);
    return out == stdout ? 0 : 2;
}

static int refuse_start(const char *why)
{
    log_error("start.refused", LOG_S("why", why));
    return 1;
}

static unsigned processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (unsigned)n;
}

/* The certificate's file is at fault unless its key is: both variables are named by what to look at. */
static const char *tls_variable(enum tls_file fault)
{
    return fault == TLS_KEY ? "GATEWAY_TLS_KEY" : "GATEWAY_TLS_CERT";
}

static bool is_set(const char *value)
{
    return value != NULL && value[0] != '\0';
}

static int open_tls(struct gateway *g, char *why)
{
    char reason[WHY_SIZE] = "";
    enum tls_file fault = TLS_NONE;
    const char *cert = g->config.tls_cert, *key = g->config.tls_key;

    if (!is_set(cert) && !is_set(key))
        return 0;
    if (!is_set(cert) || !is_set(key)) {
        snprintf(why, WHY_SIZE, "%s: TLS needs both GATEWAY_TLS_CERT and GATEWAY_TLS_KEY",
                 tls_variable(is_set(cert) ? TLS_KEY : TLS_CERT));
        return -EINVAL;
    }
    int err = tls_new(cert, key, &g->tls, &fault, reason, sizeof(reason));
    if (err < 0)
        snprintf(why, WHY_SIZE, "%s: %.400s", tls_variable(fault), reason);
    return err;
}

/* SIGHUP: connections to come get what the files hold now; a pair that is not whole changes nothing. */
static void reload(struct gateway *g)
{
    char why[WHY_SIZE] = "";
    enum tls_file fault = TLS_NONE;

    if (g->tls == NULL) {
        log_info("reload.nothing");
    } else if (tls_reload(g->tls, g->config.tls_cert, g->config.tls_key, &fault, why, sizeof(why)) < 0) {
        COUNT(TLS_RELOADS_FAILED);
        log_error("tls.reload_refused", LOG_S("variable", tls_variable(fault)), LOG_S("why", why));
    } else {
        COUNT(TLS_RELOADS);
        log_info("tls.reloaded");
    }
}

static int open_storage(struct gateway *g, char *why)
{
    int err = spool_open(g->config.data_dir, &g->spool);
    if (err == 0)
        err = room_new(g->spool, &g->room);
    if (err < 0)
        spool_explain(g->config.data_dir, err, why, WHY_SIZE);
    return err;
}

/* The default pages lie beside the binary: <prefix>/bin/upload-gw and <prefix>/web/upload-gw. */
static void find_pages(const struct gateway_config *config, char *out, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (config->web_dir != NULL && config->web_dir[0] != '\0') {
        snprintf(out, size, "%s", config->web_dir);
        return;
    }
    self[n < 0 ? 0 : n] = '\0';
    for (int i = 0; i < 2; ++i) {
        char *slash = strrchr(self, '/');
        if (slash != NULL)
            *slash = '\0';
    }
    snprintf(out, size, "%.*s/web/upload-gw", (int)size - 32, self);
}

static void limit_descriptors(struct gateway *g)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = 1024;
    /* An upload needs two: its connection and its file. */
    int64_t most = g->config.max_connections > 0 ? g->config.max_connections : (int64_t)limit.rlim_cur / 2 - 64;
    g->max_connections = (unsigned)(most < 1 ? 1 : most);
    g->max_per_network = g->config.max_connections_per_network > 0 ? (unsigned)g->config.max_connections_per_network
                                                                   : g->max_connections / 4 + 1;
}

/* Redis need not be there yet; but one that is there must be of the right kind. */
static int check_redis(struct gateway *g, char *why)
{
    struct redis_client *client = redis_client_new(g->redis, (unsigned)g->config.redis_timeout);
    char reason[WHY_SIZE] = "";
    int err = client == NULL ? -ENOMEM : redis_client_check(client, reason, sizeof(reason));
    redis_client_free(client);
    if (err == -ENOTSUP || err == -EINVAL) {
        snprintf(why, WHY_SIZE, "REDIS_URL: %.480s", reason);
        return err;
    }
    if (err < 0)
        log_warn("redis.away", LOG_E(err), LOG_S("why", reason));
    return 0;
}

/* Without it uploads are slower, and that is all. */
static void open_fast_lane(struct gateway *g, unsigned workers)
{
    const char *why = NULL;
    int err = fast_new((enum fast_mode)g->config.fast_lane, g->spool, g->config.fast_memory, workers, &g->fast, &why);
    if (err < 0)
        log_info("fast_lane.none", LOG_E(err), LOG_S("why", why));
    else
        log_info("fast_lane.ready", LOG_I("workers", fast_rings(g->fast)));
}

static int open_parts(struct gateway *g, char *why)
{
    char reason[WHY_SIZE] = "";
    const struct gateway_config *config = &g->config;

    g->lane_count = config->threads > 0 ? (unsigned)config->threads : (processors() + 1) / 2;
    limit_descriptors(g);
    int err = redis_target_parse(config->redis_url, &g->redis, reason, sizeof(reason));
    if (err < 0) {
        snprintf(why, WHY_SIZE, "REDIS_URL: %.480s", reason);
        return err;
    }
    if (config->trusted_proxies != NULL && /* its form was checked with the configuration */
        (err = cidr_list_parse(config->trusted_proxies, &g->trusted, why, WHY_SIZE)) < 0)
        return err;
    if ((err = open_tls(g, why)) < 0 || (err = open_storage(g, why)) < 0 || (err = check_redis(g, why)) < 0)
        return err;
    unsigned workers = config->workers > 0 ? (unsigned)config->workers : processors();
    open_fast_lane(g, workers);
    if ((err = pool_new("receive", workers, RECEIVE_BUFFER, &g->receivers)) < 0 ||
        (err = pool_new("publish", (unsigned)config->publishers, 0, &g->publishers)) < 0) {
        snprintf(why, WHY_SIZE, "threads cannot be started: %s", strerror(-err));
        return err;
    }
    if ((err = cors_new(config->upload_origins, TUS_LINES, &g->cors)) < 0)
        return err;
    g->networks = networks_new();
    g->reservations = reservations_new(&g->coming);
    g->lanes = calloc(g->lane_count, sizeof(*g->lanes));
    if (g->lanes == NULL || g->networks == NULL || g->reservations == NULL)
        return -ENOMEM;
    return 0;
}

static int listen_on(enum inherit_role role, const char *variable, const char *where, int *fd, char *why)
{
    char reason[WHY_SIZE] = "";
    int inherited = inherit_listener(role, fd, why, WHY_SIZE);
    if (inherited != 0) {
        if (inherited == 1)
            log_info("listen.inherited", LOG_S("instead_of", variable));
        return inherited < 0 ? inherited : 0;
    }
    *fd = door_listen(where, reason, sizeof(reason));
    if (*fd < 0)
        snprintf(why, WHY_SIZE, "%s: %.100s: %.300s", variable, where, reason);
    return *fd < 0 ? *fd : 0;
}

static int start_lanes(struct gateway *g, char *why)
{
    char web[PATH_MAX];
    const struct gateway_config *config = &g->config;
    struct lane_doors doors = {.listen = -1, .status = -1, .web_dir = web};

    find_pages(config, web, sizeof(web));
    int missing = plain_read(web, "uploader.sh", &g->uploader);
    if (missing < 0)
        log_warn("uploader.missing", LOG_E(missing), LOG_S("directory", web));
    int err = plain_load(web, g->plain);
    if (err < 0) {
        snprintf(why, WHY_SIZE, "GATEWAY_WEB_DIR: the pages are not in %.300s: %s", web, strerror(-err));
        return err;
    }
    err = listen_on(INHERIT_REQUESTS, "GATEWAY_LISTEN", config->listen, &doors.listen, why);
    if (err == 0)
        address_where(doors.listen, g->listening, sizeof(g->listening));
    if (err == 0 && strcmp(config->status_listen, "off") != 0)
        err = listen_on(INHERIT_STATUS, "GATEWAY_STATUS_LISTEN", config->status_listen, &doors.status, why);
    for (unsigned i = 0; i < g->lane_count && err == 0; ++i) {
        struct lane_doors own = doors;
        own.status = i == 0 ? doors.status : -1;
        err = lane_start(g->lanes + i, g, &own, why, WHY_SIZE);
    }
    if (doors.listen >= 0)
        close(doors.listen);
    if (doors.status >= 0)
        close(doors.status);
    return err;
}

/* Until SIGTERM or SIGINT; then uploads have DRAIN_TIMEOUT, or until a second signal. */
static void serve(struct gateway *g, const sigset_t *signals)
{
    int signal_number = 0;
    while (sigwait(signals, &signal_number) != 0 || signal_number == SIGHUP)
        if (signal_number == SIGHUP)
            reload(g);
    log_info("drain.begun");
    for (unsigned i = 0; i < g->lane_count; ++i)
        lane_drain(g->lanes + i);
}

static void *expire_later(void *arg)
{
    struct gateway *g = arg;
    sigset_t signals;
    struct timespec wait = {.tv_sec = g->config.drain_timeout / 1000,
                            .tv_nsec = g->config.drain_timeout % 1000 * 1000000};
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    (void)sigtimedwait(&signals, NULL, &wait);
    for (unsigned i = 0; i < g->lane_count; ++i)
        lane_expire(g->lanes + i);
    return NULL;
}

static int run(struct gateway *g)
{
    char why[WHY_SIZE] = "";
    sigset_t signals;
    pthread_t watch;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (open_parts(g, why) < 0 || start_lanes(g, why) < 0)
        return refuse_start(why[0] != '\0' ? why : "out of memory");
    log_info("started", LOG_S("listen", g->listening), LOG_S("data_dir", g->config.data_dir),
             LOG_I("loops", g->lane_count), LOG_S("version", LC_VERSION));
    serve(g, &signals);
    if (pthread_create(&watch, NULL, expire_later, g) == 0)
        pthread_detach(watch);
    for (unsigned i = 0; i < g->lane_count; ++i)
        lane_join(g->lanes + i);
    log_info("ended");
    return 0; /* the pools end with the process: what they still publish was not acknowledged */
}

/* What the words ask for that runs no gateway; SERVE: nothing of the kind. */
enum errand { SERVE, PRINT_CONFIG, HEALTH, HEALTH_READY, ERRANDS };

static enum errand errand_of(int argc, char **argv)
{
    static const char *const words[ERRANDS][2] = {[SERVE] = {"", ""},
                                                  [PRINT_CONFIG] = {"--print-config", ""},
                                                  [HEALTH] = {"health", ""},
                                                  [HEALTH_READY] = {"health", "--ready"}};
    const char *first = argc > 1 ? argv[1] : "", *second = argc > 2 ? argv[2] : "";

    for (int i = 0; i < ERRANDS && argc <= 3; ++i)
        if (strcmp(words[i][0], first) == 0 && strcmp(words[i][1], second) == 0)
            return (enum errand)i;
    return ERRANDS;
}

int main(int argc, char **argv)
{
    static struct gateway g;
    char why[WHY_SIZE];

    clock_begin();
    mallopt(M_ARENA_MAX, 2); /* one arena a thread would cost more than all uploads together */
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("upload-gw " LC_VERSION) < 0;
    enum errand errand = errand_of(argc, argv);
    if (errand == ERRANDS)
        return usage(stderr);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "upload-gw");
    if (config_load(gateway_config_rows, gateway_config_count, &g.config, why, sizeof(why)) < 0)
        return refuse_start(why);
    log_setup((enum log_level)g.config.log_level, (enum log_format)g.config.log_format, "upload-gw");
    if (errand == HEALTH || errand == HEALTH_READY)
        return health_command(&g.config, errand == HEALTH_READY);
    if (errand == PRINT_CONFIG)
        config_print(gateway_config_rows, gateway_config_count, &g.config, stdout);
    return errand == PRINT_CONFIG ? 0 : run(&g);
}
