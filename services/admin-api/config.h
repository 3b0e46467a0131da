/*
 * admin-api's configuration: the rows of both services and its own as one struct and one table.
 * What a value means is said in the rows (config.def); nothing here reads the environment twice.
 */
#ifndef LC_ADMIN_CONFIG_H
#define LC_ADMIN_CONFIG_H

#include "shared/config/config.h"

enum require_2fa { REQUIRE_2FA_DOWNLOADS, REQUIRE_2FA_ALL }; /* the order of REQUIRE_2FA's choices */

struct admin_config {
#define CONFIG(type, member, ...) CONFIG_C_##type member;
#include "shared/config/both.def"

#include "services/admin-api/config.def"
#undef CONFIG
};

extern const struct config_row admin_config_rows[];
extern const size_t admin_config_row_count;

/* Fills `out` from the environment; DB_URL left out becomes db.sqlite3 in DATA_DIR. 0, or -EINVAL with one line in
 * `why`. Free with admin_config_free. Before threads start. */
int admin_config_load(struct admin_config *out, char *why, size_t why_size) __attribute__((warn_unused_result));
void admin_config_free(struct admin_config *config);

/* Checks of rows, as config_row.check. */
int admin_config_check_listen(const char *value, char *why, size_t why_size);
int admin_config_check_status(const char *value, char *why, size_t why_size);
int admin_config_check_db_url(const char *value, char *why, size_t why_size);

#endif
