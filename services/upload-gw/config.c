/* The configuration table; see config.h. */
#include "services/upload-gw/config.h"

#include "services/upload-gw/cors.h"
#include "services/upload-gw/fast.h"
#include "shared/net/cidr.h"
#include "shared/net/origin.h"

const struct config_row gateway_config_rows[] = {
#define CONFIG(kind, member, variable, value, least, most, options, hide, verify, text)                                \
    {.name = (variable),                                                                                               \
     .type = CONFIG_##kind,                                                                                            \
     .offset = offsetof(struct gateway_config, member),                                                                \
     .fallback = (value),                                                                                              \
     .min = (least),                                                                                                   \
     .max = (most),                                                                                                    \
     .choices = (options),                                                                                             \
     .secret = (hide),                                                                                                 \
     .check = (verify),                                                                                                \
     .doc = (text)},
#include "services/upload-gw/config.def"
#include "shared/config/both.def"
#undef CONFIG
};

const size_t gateway_config_count = sizeof(gateway_config_rows) / sizeof(gateway_config_rows[0]);
