/* What to do about a DATA_DIR that cannot be used; see spool.h. Looks at it again, changes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/spool/spool.h"

/* As spool_open wants them, in its order. */
static const struct {
    const char *name;
    int access;
} places[] = {{"", R_OK | X_OK},
              {"/spool", R_OK | X_OK},
              {"/spool/tmp", R_OK | W_OK | X_OK},
              {"/spool/new", R_OK | W_OK | X_OK},
              {"/spool/trash", R_OK | X_OK},
              {"/spool/orphans", R_OK | X_OK}};

/* The first that cannot be used, or the directory that it cannot be made in. */
static void find_culprit(const char *data_dir, char *out, size_t size)
{
    struct stat st;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); ++i) {
        snprintf(out, size, "%s%s", data_dir, places[i].name);
        if (fstatat(AT_FDCWD, out, &st, i == 0 ? 0 : AT_SYMLINK_NOFOLLOW) < 0) {
            if (i > 0)
                *strrchr(out, '/') = '\0';
            return;
        }
        if (!S_ISDIR(st.st_mode) || faccessat(AT_FDCWD, out, places[i].access, AT_EACCESS) < 0)
            return;
    }
    snprintf(out, size, "%s", data_dir);
}

/* What is in it belongs to whom it belongs, but for archives/, which is admin-api's alone. */
static const char *recursively(const char *path)
{
    char archives[PATH_MAX];

    snprintf(archives, sizeof(archives), "%s/archives", path);
    return access(archives, F_OK) == 0 ? "" : "-R ";
}

static bool is_link(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static void explain_owner(const char *path, char *why, size_t why_size)
{
    struct stat st = {.st_uid = 0};
    unsigned uid = geteuid(), gid = getegid();

    if (stat(path, &st) < 0)
        snprintf(why, why_size,
                 "DATA_DIR: %.300s cannot be reached by user %u: let it pass through the directories above", path, uid);
    else
        snprintf(why, why_size,
                 "DATA_DIR: %.300s is not for user %u of group %u, it belongs to %u:%u with mode %03o: make it theirs "
                 "(chown %s%u:%u %.300s), the group being the one both services share",
                 path, uid, gid, (unsigned)st.st_uid, (unsigned)st.st_gid, (unsigned)st.st_mode & 07777,
                 recursively(path), uid, gid, path);
}

void spool_explain(const char *data_dir, int err, char *why, size_t why_size)
{
    static const struct {
        int err;
        const char *words;
    } rows[] = {
        {-ENOENT, "does not exist: make it, or name the right one"},
        {-ENOTDIR, "is no directory: name the right one"},
        {-ELOOP, "is a symbolic link, and none is followed there: mount the directory in its place (mount --bind)"},
        {-EROFS, "is on a read-only file system: mount it for writing"},
        {-ENOSPC, "has no room or no inodes left: make room"},
    };
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s", data_dir);
    if (err == -EACCES || err == -EPERM || err == -ENOTDIR)
        find_culprit(data_dir, path, sizeof(path));
    if (err == -ENOTDIR && strcmp(path, data_dir) != 0 && is_link(path))
        err = -ELOOP;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); ++i)
        if (rows[i].err == err) {
            snprintf(why, why_size, "DATA_DIR: %.300s %s", path, rows[i].words);
            return;
        }
    if (err == -EACCES || err == -EPERM)
        explain_owner(path, why, why_size);
    else
        snprintf(why, why_size, "DATA_DIR: %.300s cannot be used: %s", path, strerrordesc_np(-err));
}
