/* The service around the HTTP side: starts it, waits for the signal, drains it. */
#include "services/admin-api/serve.h"

#include <stdio.h>

#include "services/admin-api/http/front.h"
#include "services/admin-api/status.h"
#include "shared/db/db.h"
#include "shared/log/log.h"
#include "shared/loop/server.h"
#include "shared/net/address.h"

#define DRAIN_MS 10000
#define MAX_BODY (9u * 1024 * 1024)

void admin_signals(sigset_t *out)
{
    static const int all[] = {SIGTERM, SIGINT, SIGHUP};

    sigemptyset(out);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); ++i)
        sigaddset(out, all[i]);
}

int admin_serve(const struct admin *admin, char *why, size_t why_size)
{
    const struct admin_config *config = admin->config;
    struct front *front = NULL;
    struct server *server = NULL;
    struct status *status = NULL;
    char reason[256] = "", where[128];
    sigset_t signals;
    int number = 0, err = front_new(admin, &front, why, why_size);

    if (err < 0)
        return err;
    struct server_options options = {
        .listener = admin->requests.fd,
        .name = "logs-collector",
        .loops = (unsigned)config->threads,
        .workers = (unsigned)config->workers,
        .max_connections = (unsigned)config->max_connections,
        .max_jobs = (unsigned)config->max_jobs,
        .max_body = MAX_BODY,
        .request_timeout_ms = (uint32_t)config->request_timeout,
        .callbacks = &front_callbacks,
        .arg = front,
    };
    address_where(admin->requests.fd, where, sizeof(where)); /* the server takes the descriptor */
    admin_signals(&signals);
    err = status_start(admin, &status, why, why_size);
    if (err == 0 && (err = server_start(&options, &server, reason, sizeof(reason))) < 0)
        snprintf(why, why_size, "ADMIN_LISTEN: %s", reason);
    if (err < 0) {
        status_stop(status);
        front_free(front);
        return err;
    }
    status_watch(status, server);
    log_info("started", LOG_S("listen", where), LOG_I("port", server_port(server)),
             LOG_S("inherited", admin->requests.inherited ? "yes" : NULL), LOG_S("data_dir", config->data_dir),
             LOG_S("database", db_dialect(admin->db)), LOG_S("version", LC_VERSION));
    while (sigwait(&signals, &number) != 0 || number == SIGHUP)
        if (number == SIGHUP)
            log_info("reload.nothing", LOG_S("why", "settings are read at the start: restart it"));
    log_info("admin.stopping", LOG_I("signal", number));
    status_drain(status);
    server_stop(server, DRAIN_MS);
    status_stop(status);
    front_free(front);
    return 0;
}
