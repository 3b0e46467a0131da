/*
 * The table of admin-api's configuration and the checks its rows name. Values that depend on others (DB_URL on
 * DATA_DIR) are completed here, so that nobody else has to know.
 */
#include "services/admin-api/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/scan/clamd.h"
#include "services/admin-api/security/keyring.h"
#include "shared/net/cidr.h"
#include "shared/net/origin.h"
#include "shared/tls/tls.h"

const struct config_row admin_config_rows[] = {
#define CONFIG(kind, field, variable, default_text, least, most, list, is_secret, check_with, text)                    \
    {.name = (variable),                                                                                               \
     .type = CONFIG_##kind,                                                                                            \
     .offset = offsetof(struct admin_config, field),                                                                   \
     .fallback = (default_text),                                                                                       \
     .min = (least),                                                                                                   \
     .max = (most),                                                                                                    \
     .choices = (list),                                                                                                \
     .secret = (is_secret),                                                                                            \
     .check = (check_with),                                                                                            \
     .doc = (text)},
#include "shared/config/both.def"

#include "services/admin-api/config.def"
#undef CONFIG
};
const size_t admin_config_row_count = sizeof(admin_config_rows) / sizeof(admin_config_rows[0]);

int admin_config_check_listen(const char *value, char *why, size_t why_size)
{
    const char *colon = strrchr(value, ':');
    char *end = NULL;
    unsigned long port = 0;
    bool bare_v6 = colon && value[0] != '[' && memchr(value, ':', (size_t)(colon - value));

    if (colon && colon > value && colon[1] >= '0' && colon[1] <= '9' && !bare_v6)
        port = strtoul(colon + 1, &end, 10);
    if (end && *end == '\0' && port <= 65535)
        return 0;
    snprintf(why, why_size, "give host:port, such as 127.0.0.1:8081 or [::1]:8081");
    return -EINVAL;
}

int admin_config_check_status(const char *value, char *why, size_t why_size)
{
    return strcmp(value, "off") == 0 ? 0 : admin_config_check_listen(value, why, why_size);
}

int admin_config_check_db_url(const char *value, char *why, size_t why_size)
{
    static const char *const schemes[] = {"sqlite:///", "psql://", "postgresql://", "postgres://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strncmp(value, schemes[i], strlen(schemes[i])) == 0)
            return 0;
    }
    snprintf(why, why_size, "give sqlite:///path, psql://… or postgresql://…");
    return -EINVAL;
}

int admin_config_load(struct admin_config *out, char *why, size_t why_size)
{
    char *url = NULL;
    int err;

    memset(out, 0, sizeof(*out));
    err = config_load(admin_config_rows, admin_config_row_count, out, why, why_size);
    if (err || *out->db_url)
        return err;
    if (asprintf(&url, "sqlite:///%s/db.sqlite3", out->data_dir) < 0) {
        admin_config_free(out);
        snprintf(why, why_size, "DB_URL: out of memory");
        return -EINVAL;
    }
    free(out->db_url);
    out->db_url = url;
    return 0;
}

void admin_config_free(struct admin_config *config)
{
    config_free(admin_config_rows, admin_config_row_count, config);
}
