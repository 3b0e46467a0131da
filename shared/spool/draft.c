/* Drafts of manifests, and going through what is being received; see spool.h. Knows nothing of what the files say. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shared/spool/internal.h"

int spool_draft_write(struct spool *s, const char *id, const void *bytes, size_t len)
{
    int dir = spool_open_upload(s, id);
    if (dir < 0)
        return dir;
    int fd = openat(dir, SPOOL_DRAFT, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    int err = fd < 0 ? -errno : 0;
    ssize_t n = fd < 0 ? 0 : write(fd, bytes, len);
    if (err == 0 && n != (ssize_t)len)
        err = n < 0 ? -errno : -ENOSPC;
    if (fd >= 0 && close(fd) < 0 && err == 0)
        err = -errno;
    close(dir);
    return err;
}

ssize_t spool_draft_read(struct spool *s, const char *id, void *buffer, size_t size)
{
    ssize_t n = spool_read_file(s, id, SPOOL_DRAFT, buffer, size);
    return n == -ENOENT ? spool_read_file(s, id, "manifest", buffer, size) : n;
}

int spool_each(struct spool *s, int (*each)(void *arg, const char *id), void *arg)
{
    int fd = openat(spool_tmp_fd(s), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a position of its own */
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int result = list == NULL ? -errno : 0;

    if (list == NULL && fd >= 0)
        close(fd);
    while (list != NULL && result == 0 && (entry = readdir(list)) != NULL)
        if (spool_id_is_valid(entry->d_name))
            result = each(arg, entry->d_name);
    if (list != NULL)
        closedir(list);
    return result;
}
