/* `upload-gw health`: asks the gateway that runs with the same settings how it is. Starts nothing. */
#ifndef LC_GATEWAY_HEALTH_H
#define LC_GATEWAY_HEALTH_H

#include "services/upload-gw/config.h"

/* The exit status: 0 when all is well, 1 when not, saying why on standard error. `ready`: each store too. */
int health_command(const struct gateway_config *config, bool ready);

#endif
