/* The gateway's configuration: one struct and one table from both.def and config.def. */
#ifndef LC_GATEWAY_CONFIG_H
#define LC_GATEWAY_CONFIG_H

#include "shared/config/config.h"

struct gateway_config {
#define CONFIG(type, member, ...) CONFIG_C_##type member;
#include "services/upload-gw/config.def"
#include "shared/config/both.def"
#undef CONFIG
};

extern const struct config_row gateway_config_rows[];
extern const size_t gateway_config_count;

#endif
