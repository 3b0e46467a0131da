/* import-django on the command line. */
#include <string.h>

#include "services/admin-api/commands.h"
#include "services/admin-api/import/import.h"
#include "services/admin-api/start.h"

#define WHY_SIZE 512

static bool read_options(const struct command_call *call, struct import_options *out)
{
    for (int i = 0; i < call->argc; ++i) {
        const char *text = call->argv[i], *next = i + 1 < call->argc ? call->argv[i + 1] : NULL;
        if (strcmp(text, "--dry-run") == 0) {
            out->dry_run = true;
            continue;
        }
        const char **value = strcmp(text, "--db") == 0 ? &out->db : strcmp(text, "--media") == 0 ? &out->media : NULL;
        if (value == NULL || next == NULL)
            return false;
        *value = next;
        ++i;
    }
    return out->db != NULL && out->media != NULL;
}

int command_import_django(const struct command_call *call)
{
    struct import_options options = {0};
    char why[WHY_SIZE];

    if (!read_options(call, &options))
        return command_usage("import-django");
    int err =
        options.dry_run ? opened_dry_run(call->opened, why, sizeof(why)) : opened_all(call->opened, why, sizeof(why));
    if (err < 0)
        return command_failed("%s", why);
    err = import_run(call->admin, &options, why, sizeof(why));
    if (err < 0)
        return command_failed("%s", why);
    if (options.dry_run)
        puts("nothing was changed");
    return err;
}
