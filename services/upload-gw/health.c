/* The question of health checks; see health.h. */
#include "services/upload-gw/health.h"

#include <stdio.h>

#include "shared/net/probe.h"

int health_command(const struct gateway_config *config, bool ready)
{
    char why[PROBE_BODY];
    int err = probe_health(config->status_listen, config->listen, ready, why, sizeof(why));
    fprintf(err < 0 ? stderr : stdout, "%s%s\n", err < 0 ? "upload-gw: not well: " : "", why);
    return err < 0;
}
