/* Values of configuration rows as text: what the reader and the printer of a table share. Internal to shared/config. */
#ifndef LC_SHARED_CONFIG_VALUE_H
#define LC_SHARED_CONFIG_VALUE_H

#include "shared/config/config.h"

#define CONFIG_VALUE_TEXT 64 /* bytes of a buffer for config_value_text */

/* A number as a person writes it in that row: 50G, 24h, true, json. Never for STRING rows. */
void config_value_text(const struct config_row *row, int64_t value, char out[CONFIG_VALUE_TEXT]);

#endif
