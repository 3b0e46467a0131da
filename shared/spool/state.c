/* The state of resumable uploads on disk; see spool.h. Knows nothing of what the record says. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/crash/crash.h"
#include "shared/spool/internal.h"

#define STATE        "state"
#define STATE_BESIDE "state."

ssize_t spool_read_file(const struct spool *s, const char *id, const char *name, void *buffer, size_t size)
{
    int dir = spool_open_upload(s, id);
    if (dir < 0)
        return dir;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); /* it might be a pipe */
    ssize_t n = fd < 0 ? -errno : read(fd, buffer, size);
    if (fd >= 0 && n < 0)
        n = -errno;
    if (fd >= 0)
        close(fd);
    close(dir);
    return n == (ssize_t)size ? -EMSGSIZE : n;
}

ssize_t spool_state_read(struct spool *s, const char *id, void *buffer, size_t size)
{
    return spool_read_file(s, id, STATE, buffer, size);
}

static int replace_state(int dir, const char *beside, int (*still_ours)(void *arg), void *arg)
{
    if (!still_ours(arg))
        return -ESTALE;
    CRASH_POINT(TUS_STATE_BESIDE);
    if (renameat(dir, beside, dir, STATE) < 0)
        return errno == ENOENT ? -ESTALE : -errno;
    CRASH_POINT(TUS_STATE_RENAMED);
    return fsync(dir) < 0 ? -errno : 0;
}

/* What is written by the time of the first sync belongs to the same commit as the data: the second one finds nothing to
 * do. That the writes are started early is a help and no more, so their errors are left to the syncs. */
static int write_beside(int dir, const char *beside, const void *bytes, size_t len, int data)
{
    if (data >= 0)
        (void)sync_file_range(data, 0, 0, SYNC_FILE_RANGE_WRITE);
    int fd = spool_begin_file(dir, beside, bytes, len);
    if (fd < 0)
        return fd;
    if (data >= 0)
        (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    int err = data >= 0 && fdatasync(data) < 0 ? -errno : 0;
    if (data >= 0)
        CRASH_POINT(TUS_DATA_KEPT);
    int last = spool_end_file(fd);
    return err < 0 ? err : last;
}

int spool_state_write(struct spool *s, const char *id, int64_t fence, const void *bytes, size_t len, int data,
                      int (*still_ours)(void *arg), void *arg)
{
    char beside[sizeof(STATE_BESIDE) + 20];
    int dir = spool_open_upload(s, id);
    if (dir < 0)
        return dir == -ENOENT ? -ESTALE : dir;
    snprintf(beside, sizeof(beside), STATE_BESIDE "%lld", (long long)fence);
    int err = write_beside(dir, beside, bytes, len, data);
    if (err == 0)
        err = replace_state(dir, beside, still_ours, arg);
    if (err < 0)
        unlinkat(dir, beside, 0);
    close(dir);
    return err;
}

int spool_state_seize(struct spool *s, const char *id)
{
    int err = 0, dir = spool_open_upload(s, id);
    DIR *list = dir < 0 ? NULL : fdopendir(dir);
    struct dirent *entry;
    if (dir < 0)
        return dir;
    if (list == NULL) {
        err = -errno;
        close(dir);
        return err;
    }
    while ((entry = readdir(list)) != NULL)
        if (strncmp(entry->d_name, STATE_BESIDE, sizeof(STATE_BESIDE) - 1) == 0 &&
            unlinkat(dir, entry->d_name, 0) < 0 && errno != ENOENT)
            err = -errno;
    closedir(list);
    return err;
}

int spool_created(struct spool *s)
{
    return fsync(spool_tmp_fd(s)) < 0 ? -errno : 0;
}

int spool_reopen(struct spool *s, const char *id)
{
    int dir = spool_open_upload(s, id);
    if (dir < 0)
        return dir;
    int fd = openat(dir, "data", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    int err = fd < 0 ? -errno : 0;
    close(dir);
    return err < 0 ? err : fd;
}

/* admin-api may have moved it meanwhile: then the state lies beside the archive, where it does no harm. */
void spool_state_remove(struct spool *s, const char *id)
{
    int dir = openat(spool_new_fd(s), id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return;
    unlinkat(dir, STATE, 0);
    close(dir);
}
