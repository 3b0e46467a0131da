/* What to do about a DATA_DIR that cannot be used; see spool.h. Looks at it again, changes nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/spool/spool.h"

static void explain_owner(const char *data_dir, char *why, size_t why_size)
{
    struct stat st = {.st_uid = 0};
    unsigned uid = geteuid(), gid = getegid();

    if (stat(data_dir, &st) < 0)
        snprintf(why, why_size,
                 "DATA_DIR: %.300s cannot be reached by user %u: let it pass through the directories above", data_dir,
                 uid);
    else
        snprintf(
            why, why_size,
            "DATA_DIR: %.300s or what is in it is not for user %u of group %u, it belongs to %u:%u: make it theirs "
            "(chown %u:%u %.300s), the group being the one both services share",
            data_dir, uid, gid, (unsigned)st.st_uid, (unsigned)st.st_gid, uid, gid, data_dir);
}

void spool_explain(const char *data_dir, int err, char *why, size_t why_size)
{
    static const struct {
        int err;
        const char *words;
    } rows[] = {
        {-ENOENT, "does not exist: make it, or name the right one"},
        {-ENOTDIR, "is no directory: name the right one"},
        {-EROFS, "is on a read-only file system: mount it for writing"},
        {-ENOSPC, "has no room or no inodes left: make room"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); ++i)
        if (rows[i].err == err) {
            snprintf(why, why_size, "DATA_DIR: %.300s %s", data_dir, rows[i].words);
            return;
        }
    if (err == -EACCES || err == -EPERM)
        explain_owner(data_dir, why, why_size);
    else
        snprintf(why, why_size, "DATA_DIR: %.300s cannot be used: %s", data_dir, strerrordesc_np(-err));
}
