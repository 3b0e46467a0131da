/*
 * Directories and files of the spool and the archives. What lies in the spool was written by a process that talks to
 * the internet: nothing is followed, nothing but regular files of the expected owner with one link is taken.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "services/admin-api/storage/internal.h"
#include "shared/digest/digest.h"

#define MANIFEST_MAX 16384

/* openat2 is Linux 5.6; the flags make any symlink on the way an error. */
static int open_beneath(int at, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NOFOLLOW,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, at, path, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

/* --- archives/ --- */

static int try_rename(struct storage *s, char *why, size_t why_size)
{
    static const char probe[] = ".rename-probe";
    if (mkdirat(spool_new_fd(s->spool), probe, 0700) < 0 && errno != EEXIST)
        goto failed;
    if (renameat(spool_new_fd(s->spool), probe, s->archives, probe) < 0)
        goto failed;
    unlinkat(s->archives, probe, AT_REMOVEDIR);
    return 0;
failed:;
    int err = -errno;
    if (err == -EXDEV)
        snprintf(why, why_size, "spool/ and archives/ must be on one file system: an archive is filed by a rename");
    else
        snprintf(why, why_size, "a directory cannot be moved from spool/new to archives/: %s", strerror(-err));
    return err;
}

int store_open_archives(struct storage *s, char *why, size_t why_size)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/archives", s->options.data_dir);
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        int err = -errno;
        snprintf(why, why_size, "%.300s: %s", path, strerror(-err));
        return err;
    }
    s->archives = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->archives < 0) {
        int err = -errno;
        snprintf(why, why_size, "%.300s: %s", path, strerror(-err));
        return err;
    }
    return try_rename(s, why, why_size);
}

static int open_shelf(struct storage *s, const char *id, bool make)
{
    char shelf[3] = {id[0], id[1], '\0'};
    if (make && mkdirat(s->archives, shelf, 0700) == 0 && fsync(s->archives) < 0)
        return -errno;
    return open_beneath(s->archives, shelf, O_RDONLY | O_DIRECTORY);
}

bool store_has(struct storage *s, const char *id)
{
    struct stat st;
    int shelf = open_shelf(s, id, false);
    bool there = shelf >= 0 && fstatat(shelf, id, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
    if (shelf >= 0)
        close(shelf);
    return there;
}

int storage_open_archive(struct storage *s, const char *upload_id, int64_t *size)
{
    char path[64];
    struct stat st;
    if (!spool_id_is_valid(upload_id))
        return -EINVAL;
    snprintf(path, sizeof(path), "%.2s/%s/data", upload_id, upload_id);
    int fd = open_beneath(s->archives, path, O_RDONLY);
    if (fd == -ENOENT) { /* recorded a moment ago, its rename still to come */
        snprintf(path, sizeof(path), "%s/data", upload_id);
        fd = open_beneath(spool_new_fd(s->spool), path, O_RDONLY | O_NONBLOCK);
    }
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return -EIO;
    }
    *size = st.st_size;
    return fd;
}

/* --- the spool --- */

int store_open_spooled(struct storage *s, const char *id)
{
    return open_beneath(spool_new_fd(s->spool), id, O_RDONLY | O_DIRECTORY);
}

static int open_plain(struct storage *s, int dir, const char *name, int64_t *size, const char **why)
{
    struct stat st;
    int fd = open_beneath(dir, name, O_RDONLY | O_NONBLOCK); /* a FIFO must not block us */
    *why = "a file is missing or a symlink";
    if (fd < 0)
        return fd == -ENOENT || fd == -ELOOP || fd == -ENXIO ? -EBADMSG : fd;
    *why = "not a regular file of the gateway's with one link";
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != s->gateway_uid) {
        close(fd);
        return -EBADMSG;
    }
    *size = st.st_size;
    return fd;
}

static int read_manifest(struct storage *s, int dir, struct record_manifest *m, const char **why)
{
    char bytes[MANIFEST_MAX];
    int64_t size;
    int fd = open_plain(s, dir, "manifest", &size, why);
    if (fd < 0)
        return fd;
    ssize_t n = read(fd, bytes, sizeof(bytes));
    int err = n < 0 ? -errno : 0;
    close(fd);
    *why = "the manifest is malformed";
    return err < 0 ? err : record_manifest_decode(bytes, (size_t)n, m) < 0 ? -EBADMSG : 0;
}

int store_check(struct storage *s, int dir, const char *id, struct record_manifest *m, const char **why)
{
    int64_t size = 0;
    int err = read_manifest(s, dir, m, why);
    if (err < 0)
        return err;
    *why = "the manifest is another upload's";
    if (strcmp(m->upload_id, id) != 0 || m->sha256.len != DIGEST_SIZE || m->version != 1)
        return -EBADMSG;
    int fd = open_plain(s, dir, "data", &size, why);
    if (fd < 0)
        return fd;
    close(fd);
    *why = "the data is not as long as the manifest says";
    return size == m->size ? 0 : -EBADMSG;
}

int store_move(int from, int to, const char *id)
{
    struct stat st;
    if (renameat(from, id, to, id) < 0) {
        int err = -errno;
        if (err != -ENOENT || fstatat(to, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return err;
    }
    return fsync(to) < 0 || fsync(from) < 0 ? -errno : 0;
}

int store_file(struct storage *s, const char *id)
{
    int shelf = open_shelf(s, id, true);
    if (shelf < 0)
        return shelf;
    int err = store_move(spool_new_fd(s->spool), shelf, id);
    close(shelf);
    return err;
}

int store_remove_tree(int at, const char *id)
{
    static const char *const files[] = {"data", "manifest", "state", "state.new"};
    int dir = open_beneath(at, id, O_RDONLY | O_DIRECTORY);
    if (dir == -ENOENT)
        return 0;
    if (dir < 0) /* whatever it is, it is not a directory of ours */
        return unlinkat(at, id, 0) < 0 ? -errno : 0;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); ++i)
        unlinkat(dir, files[i], 0);
    close(dir);
    return unlinkat(at, id, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int store_remove(struct storage *s, const char *id)
{
    int shelf = open_shelf(s, id, false);
    int err = shelf >= 0 ? store_remove_tree(shelf, id) : shelf == -ENOENT ? 0 : shelf;
    if (shelf >= 0)
        close(shelf);
    return err < 0 ? err : store_remove_tree(spool_new_fd(s->spool), id);
}

int store_each(int directory, int (*each)(void *arg, const char *id), void *arg)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int result = 0;
    if (dir == NULL) {
        int err = -errno;
        if (fd >= 0)
            close(fd);
        return err;
    }
    for (struct dirent *e = readdir(dir); e != NULL && result == 0; e = readdir(dir))
        if (spool_id_is_valid(e->d_name))
            result = each(arg, e->d_name);
    closedir(dir);
    return result;
}

/* --- bytes that came through the API --- */

static int write_file(int dir, const char *name, const void *data, size_t len)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    int err = fd < 0 ? -errno : 0;
    for (size_t at = 0; err == 0 && at < len;) {
        ssize_t n = write(fd, (const char *)data + at, len - at);
        if (n < 0 && errno != EINTR)
            err = -errno;
        at += n > 0 ? (size_t)n : 0;
    }
    if (err == 0 && fsync(fd) < 0)
        err = -errno;
    if (fd >= 0 && close(fd) < 0 && err == 0)
        err = -errno;
    return err;
}

static int write_both(int shelf, const char *id, const void *data, size_t len, const struct record_manifest *m)
{
    void *bytes = NULL;
    size_t bytes_len = 0;
    if (mkdirat(shelf, id, 0750) < 0)
        return -errno;
    int dir = openat(shelf, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = dir < 0 ? -errno : record_manifest_encode(m, &bytes, &bytes_len);
    if (err == 0)
        err = write_file(dir, "data", data, len);
    if (err == 0)
        err = write_file(dir, "manifest", bytes, bytes_len);
    if (err == 0 && (fsync(dir) < 0 || fsync(shelf) < 0))
        err = -errno;
    free(bytes);
    if (dir >= 0)
        close(dir);
    return err;
}

int storage_put(struct storage *s, const void *data, size_t len, const char *name, int64_t ticket_id, int64_t number,
                struct storage_file *out)
{
    struct digest digest;
    struct record_manifest m = {.version = 1, .ticket_id = ticket_id, .number = number, .size = (int64_t)len};

    int err = spool_make_id(out->upload_id);
    if (err < 0)
        return err;
    digest_init(&digest);
    digest_update(&digest, data, len);
    digest_final(&digest, m.sha256.data);
    m.sha256.len = DIGEST_SIZE;
    digest_hex(m.sha256.data, DIGEST_SIZE, out->sha256);
    m.started_us = m.finished_us = storage_now_us();
    memcpy(m.upload_id, out->upload_id, sizeof(m.upload_id));
    snprintf(m.name, sizeof(m.name), "%s", name);
    snprintf(m.method, sizeof(m.method), "api");
    int shelf = open_shelf(s, out->upload_id, true);
    if (shelf < 0)
        return shelf;
    err = write_both(shelf, out->upload_id, data, len, &m);
    close(shelf);
    if (err < 0)
        storage_drop(s, out->upload_id);
    return err;
}

void storage_drop(struct storage *s, const char *upload_id)
{
    (void)store_remove(s, upload_id); /* an unknown directory in archives/ is found by cleanup */
}
