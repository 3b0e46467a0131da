/* The spool's directories and the publishing rename; see spool.h. Knows nothing of what is in the files. */
#include "shared/spool/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "shared/crash/crash.h"
#include "shared/disk/disk.h"
#include "shared/spool/internal.h"

#define DIRECTORY_MODE 02770
#define FILE_MODE      0640
#define ID_BYTES       16

enum { SPOOL_TMP, SPOOL_NEW, SPOOL_TRASH, SPOOL_ORPHANS, SPOOL_DIRECTORIES };

static const char *const names[SPOOL_DIRECTORIES] = {"tmp", "new", "trash", "orphans"};

struct spool {
    int top;
    int fds[SPOOL_DIRECTORIES];
};

/* Opens, making it if need be; the mode is set only on what we made, as the other service may own the rest. */
static int open_directory(int at, const char *name)
{
    int made = mkdirat(at, name, DIRECTORY_MODE);
    if (made < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (made == 0 && fchmod(fd, DIRECTORY_MODE) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

int spool_open(const char *data_dir, struct spool **out)
{
    struct spool *s = malloc(sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    *s = (struct spool){.top = -1, .fds = {-1, -1, -1, -1}};
    int err = 0;
    int root = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        err = -errno;
    if (err == 0 && (s->top = open_directory(root, "spool")) < 0)
        err = s->top;
    for (int i = 0; i < SPOOL_DIRECTORIES && err == 0; ++i)
        if ((s->fds[i] = open_directory(s->top, names[i])) < 0)
            err = s->fds[i];
    /* At every start: whoever made them may have been killed before it came to this. */
    if (err == 0 && (fsync(root) < 0 || fsync(s->top) < 0))
        err = -errno;
    if (err == 0 && (faccessat(s->fds[SPOOL_TMP], ".", W_OK, AT_EACCESS) < 0 ||
                     faccessat(s->fds[SPOOL_NEW], ".", W_OK, AT_EACCESS) < 0))
        err = -errno;
    if (root >= 0)
        close(root);
    if (err < 0) {
        spool_close(s);
        return err;
    }
    *out = s;
    return 0;
}

void spool_close(struct spool *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < SPOOL_DIRECTORIES; ++i)
        if (s->fds[i] >= 0)
            close(s->fds[i]);
    if (s->top >= 0)
        close(s->top);
    free(s);
}

int spool_tmp_fd(const struct spool *s)
{
    return s->fds[SPOOL_TMP];
}

int spool_new_fd(const struct spool *s)
{
    return s->fds[SPOOL_NEW];
}

int spool_trash_fd(const struct spool *s)
{
    return s->fds[SPOOL_TRASH];
}

int spool_orphans_fd(const struct spool *s)
{
    return s->fds[SPOOL_ORPHANS];
}

int spool_make_id(char out[SPOOL_ID_SIZE])
{
    static _Thread_local unsigned char pool[32 * ID_BYTES]; /* a generator's call costs as much for all as for one */
    static _Thread_local size_t used = sizeof(pool);
    if (used == sizeof(pool)) {
        if (RAND_bytes(pool, sizeof(pool)) != 1)
            return -EIO;
        used = 0;
    }
    const unsigned char *bytes = pool + used;
    used += ID_BYTES;
    for (size_t i = 0; i < ID_BYTES; ++i) {
        out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    out[SPOOL_ID_SIZE - 1] = '\0';
    return 0;
}

int spool_id_is_valid(const char *id)
{
    return strlen(id) == SPOOL_ID_SIZE - 1 && strspn(id, "0123456789abcdef") == SPOOL_ID_SIZE - 1;
}

int spool_open_upload(const struct spool *s, const char *id)
{
    int fd = openat(s->fds[SPOOL_TMP], id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int spool_create(struct spool *s, const char *id)
{
    int dir = open_directory(s->fds[SPOOL_TMP], id);
    if (dir < 0)
        return dir;
    int fd = openat(dir, "data", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    int err = fd < 0 ? -errno : 0;
    if (fd >= 0 && fchmod(fd, FILE_MODE) < 0) { /* whatever the umask: the group must read it */
        err = -errno;
        close(fd);
    }
    close(dir);
    if (err < 0 && err != -EEXIST) /* that would be another writer's */
        spool_discard(s, id);
    while (err == 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR) /* where there are no locks its age alone will count */
        ;
    CRASH_POINT(SPOOLED);
    return err < 0 ? err : fd;
}

int spool_has_writer(const struct spool *s, const char *id)
{
    int dir = spool_open_upload(s, id);
    if (dir < 0)
        return dir;
    int fd = openat(dir, "data", O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    int result = fd < 0 ? -errno : 0;
    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0)
        result = errno == EWOULDBLOCK ? 1 : -errno;
    if (fd >= 0)
        close(fd);
    close(dir);
    return result;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int spool_begin_file(int dir, const char *name, const void *bytes, size_t len)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return -errno;
    int err = fchmod(fd, FILE_MODE) < 0 ? -errno : 0;
    if (err == 0)
        err = write_all(fd, bytes, len);
    if (err < 0)
        close(fd);
    CRASH_POINT(FILE_WRITTEN);
    return err < 0 ? err : fd;
}

int spool_end_file(int fd)
{
    int err = fsync(fd) < 0 ? -errno : 0;
    if (close(fd) < 0 && err == 0)
        err = -errno;
    CRASH_POINT(FILE_SYNCED);
    return err;
}

int spool_write_file(int dir, const char *name, const void *bytes, size_t len)
{
    int fd = spool_begin_file(dir, name, bytes, len);
    return fd < 0 ? fd : spool_end_file(fd);
}

int spool_is_published(const struct spool *s, const char *id)
{
    struct stat st;
    if (fstatat(s->fds[SPOOL_NEW], id, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return S_ISDIR(st.st_mode) ? 1 : 0;
}

/* Over NFS a rename whose answer was lost is sent again and fails with ENOENT though it happened. */
static int rename_upload(const struct spool *s, const char *id)
{
    if (renameat(s->fds[SPOOL_TMP], id, s->fds[SPOOL_NEW], id) == 0)
        return 0;
    int err = -errno;
    return err == -ENOENT && spool_is_published(s, id) == 1 ? 0 : err;
}

int spool_publish(struct spool *s, const char *id, const void *manifest, size_t len)
{
    int dir = spool_open_upload(s, id);
    if (dir < 0)
        return dir;
    int err = spool_write_file(dir, "manifest", manifest, len);
    unlinkat(dir, SPOOL_DRAFT, 0);
    if (err == 0 && fsync(dir) < 0)
        err = -errno;
    close(dir);
    CRASH_POINT(MANIFEST_SYNCED);
    if (err == 0)
        err = rename_upload(s, id);
    CRASH_POINT(RENAMED);
    if (err == 0 && fsync(s->fds[SPOOL_NEW]) < 0)
        err = -errno;
    CRASH_POINT(NEW_SYNCED);
    if (err == 0 && fsync(s->fds[SPOOL_TMP]) < 0)
        err = -errno;
    return err;
}

/* Of a directory that was opened for this: closes it. */
static void unlink_all(int dir)
{
    DIR *list = fdopendir(dir);
    struct dirent *entry;
    if (list == NULL) {
        close(dir);
        return;
    }
    while ((entry = readdir(list)) != NULL)
        if (entry->d_type != DT_DIR)
            unlinkat(dir, entry->d_name, 0);
    closedir(list);
}

int spool_discard(struct spool *s, const char *id)
{
    int dir = spool_open_upload(s, id);
    if (dir < 0)
        return dir == -ENOENT ? 0 : dir;
    unlink_all(dir);
    return unlinkat(s->fds[SPOOL_TMP], id, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* Some file systems make inodes as they are needed, and say they have none. */
int spool_fs_state(const struct statvfs *fs)
{
    int state = disk_state(fs);
    return state == 0 && fs->f_files > 0 && fs->f_favail == 0 ? -ENOSPC : state;
}

int spool_room(struct spool *s, int64_t reserve, int64_t *out)
{
    struct statvfs fs;
    if (fstatvfs(s->fds[SPOOL_TMP], &fs) < 0)
        return -errno;
    int state = spool_fs_state(&fs);
    *out = (state == -ENOSPC ? 0 : (int64_t)(fs.f_bavail * fs.f_frsize)) - reserve;
    return state == -EROFS ? state : 0;
}
