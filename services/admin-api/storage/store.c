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
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "services/admin-api/storage/internal.h"
#include "shared/clock/clock.h"
#include "shared/crash/crash.h"
#include "shared/digest/digest.h"

#define MANIFEST_MAX 16384
#define STATE_MAX    16384
#define TREE_DEPTH   8 /* of what may be removed; ours are one deep */

/* openat2 is Linux 5.6; the flags make any symlink on the way an error. */
int storage_open_beneath(int at, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NOFOLLOW,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, at, path, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

/* --- archives/ --- */

/* The probe's name is of one process alone: two may start at once. */
static int try_rename(struct storage *s, char *why, size_t why_size)
{
    char id[SPOOL_ID_SIZE], probe[SPOOL_ID_SIZE + 8];
    int err = spool_make_id(id);
    snprintf(probe, sizeof(probe), ".probe-%s", id);
    if (err == 0 && mkdirat(spool_new_fd(s->spool), probe, 0700) < 0)
        err = -errno;
    if (err == 0 && renameat(spool_new_fd(s->spool), probe, s->archives, probe) < 0) {
        err = -errno;
        unlinkat(spool_new_fd(s->spool), probe, AT_REMOVEDIR);
    }
    if (err == 0)
        unlinkat(s->archives, probe, AT_REMOVEDIR);
    else if (err == -EXDEV)
        snprintf(why, why_size, "DATA_DIR: spool/ and archives/ must be on one file system: filing is a rename");
    else
        snprintf(why, why_size, "DATA_DIR: a directory cannot be moved from spool/new to archives/: %s",
                 strerror(-err));
    return err;
}

static int open_gate(const struct storage *s)
{
    int fd = openat(s->archives, ".deletion", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    return fd < 0 ? -errno : fd;
}

/* DATA_DIR, which names archives/; at every start, as whoever made it may have been killed before it came to that. */
static int sync_place(const struct storage *s)
{
    int fd = open(s->options.data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd < 0 || fsync(fd) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return err;
}

int store_open_archives(struct storage *s, char *why, size_t why_size)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/archives", s->options.data_dir);
    int err = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : sync_place(s);
    if (err < 0) {
        spool_explain(s->options.data_dir, err, why, why_size);
    } else if ((s->archives = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
               faccessat(s->archives, ".", W_OK | X_OK, AT_EACCESS) < 0) {
        err = -errno;
        spool_explain(path, err, why, why_size);
    }
    if (err < 0)
        return err;
    int gate = open_gate(s); /* for a backup to find */
    if (gate < 0) {
        snprintf(why, why_size, "%.300s/.deletion: %s", path, strerror(-gate));
        return gate;
    }
    close(gate);
    return try_rename(s, why, why_size);
}

int store_enter_deletion(struct storage *s)
{
    int fd = open_gate(s);
    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0)
        return fd;
    int err = -errno;
    close(fd);
    return err;
}

/* That it is there does not say that its entry is on the disk: who made it may not have come to that yet, or have died.
 */
static int make_shelf(struct storage *s, const char *shelf)
{
    atomic_bool *kept = s->shelves_kept + strtoul(shelf, NULL, 16);
    bool made = mkdirat(s->archives, shelf, 0700) == 0;
    if (!made && errno != EEXIST)
        return -errno;
    if (!made && atomic_load(kept))
        return 0;
    if (fsync(s->archives) < 0)
        return -errno;
    atomic_store(kept, true);
    return 0;
}

static int open_shelf(struct storage *s, const char *id, bool make)
{
    char shelf[3] = {id[0], id[1], '\0'};
    int err = make ? make_shelf(s, shelf) : 0;
    return err < 0 ? err : storage_open_beneath(s->archives, shelf, O_RDONLY | O_DIRECTORY);
}

int store_each_shelf(int archives, int (*each)(void *arg, int shelf), void *arg)
{
    int result = 0;
    for (unsigned i = 0; i < 256 && result == 0; ++i) {
        char name[3];
        snprintf(name, sizeof(name), "%02x", i);
        int shelf = storage_open_beneath(archives, name, O_RDONLY | O_DIRECTORY);
        if (shelf < 0)
            continue;
        result = each(arg, shelf);
        close(shelf);
    }
    return result;
}

int store_open_shelf(struct storage *s, const char *id)
{
    return open_shelf(s, id, true);
}

/* A directory whose descriptor the gateway kept may have changed since it was filed: a FIFO must not block us. */
static int open_filed(struct storage *s, const char *id, int64_t *size)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "%.2s/%s/data", id, id);
    int fd = storage_open_beneath(s->archives, path, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return fd == -ELOOP || fd == -ENOTDIR || fd == -ENXIO ? -EBADMSG : fd;
    int err = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EBADMSG;
    if (err < 0) {
        close(fd);
        return err;
    }
    *size = st.st_size;
    return fd;
}

/* --- the spool --- */

int store_open_spooled(struct storage *s, const char *id)
{
    return storage_open_beneath(spool_new_fd(s->spool), id, O_RDONLY | O_DIRECTORY);
}

static int open_plain(struct storage *s, int dir, const char *name, int64_t *size, const char **why)
{
    struct stat st;
    int fd = storage_open_beneath(dir, name, O_RDONLY | O_NONBLOCK);
    *why = "a file is missing or a symlink";
    if (fd < 0)
        return fd == -ENOENT || fd == -ELOOP || fd == -ENXIO ? -EBADMSG : fd;
    int err = fstat(fd, &st) < 0 ? -errno : 0;
    if (err == 0 && (!S_ISREG(st.st_mode) || st.st_nlink != 1)) {
        *why = "not a regular file with one link";
        err = -EBADMSG;
    } else if (err == 0 && st.st_uid != s->gateway_uid) {
        *why = "not a file of GATEWAY_UID";
        err = -EPERM;
    }
    if (err < 0) {
        close(fd);
        return err;
    }
    *size = st.st_size;
    return fd;
}

/* Recorded a moment ago, the rename still to come. */
static int open_recorded(struct storage *s, const char *id, int64_t *size)
{
    const char *why;
    int dir = store_open_spooled(s, id);
    if (dir < 0)
        return dir;
    int fd = open_plain(s, dir, "data", size, &why);
    close(dir);
    return fd == -EBADMSG ? -ENOENT : fd;
}

int storage_open_archive(struct storage *s, const char *upload_id, int64_t *size)
{
    if (!spool_id_is_valid(upload_id))
        return -EINVAL;
    int fd = open_filed(s, upload_id, size);
    if (fd == -ENOENT)
        fd = open_recorded(s, upload_id, size);
    return fd == -ENOENT ? open_filed(s, upload_id, size) : fd; /* it may have moved between the two looks */
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

/* --- uploads under way --- */

static void peek_state(struct storage *s, int dir, struct storage_upload *u)
{
    char bytes[STATE_MAX];
    const char *why;
    int64_t size;
    struct record_state state;
    int fd = open_plain(s, dir, "state", &size, &why);
    ssize_t n = fd < 0 ? fd : read(fd, bytes, sizeof(bytes));
    if (fd >= 0)
        close(fd);
    if (n <= 0 || record_state_decode(bytes, (size_t)n, &state) < 0)
        return;
    u->length = state.length;
    u->started_us = state.started_us;
    snprintf(u->name, sizeof(u->name), "%s", state.name);
    snprintf(u->client, sizeof(u->client), "%s", state.client);
}

int store_peek(struct storage *s, struct storage_upload *u)
{
    struct statx born;
    const char *why;
    int dir = storage_open_beneath(spool_tmp_fd(s->spool), u->upload_id, O_RDONLY | O_DIRECTORY);
    if (dir < 0)
        return dir;
    if (statx(dir, "", AT_EMPTY_PATH, STATX_BTIME, &born) == 0 && (born.stx_mask & STATX_BTIME))
        u->started_us = (int64_t)born.stx_btime.tv_sec * 1000000 + born.stx_btime.tv_nsec / 1000;
    int fd = open_plain(s, dir, "data", &u->bytes, &why);
    if (fd >= 0)
        close(fd);
    peek_state(s, dir, u);
    close(dir);
    return fd < 0 && fd != -EBADMSG ? fd : 0;
}

int store_move(int from, int to, const char *id)
{
    struct stat st;
    bool ours = renameat(from, id, to, id) == 0;
    if (!ours) {
        int err = -errno;
        if (err != -ENOENT || fstatat(to, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return err;
    }
    CRASH_POINT(MOVED);
    if (fsync(to) < 0)
        return -errno;
    CRASH_POINT(MOVED_TO_SYNCED);
    return fsync(from) < 0 ? -errno : ours;
}

int store_trash(struct storage *s, int from, const char *id)
{
    int trash = spool_trash_fd(s->spool);
    int moved = store_move(from, trash, id);
    if (moved == -EEXIST || moved == -ENOTEMPTY) { /* one of that name was thrown away before */
        int err = store_remove_tree(trash, id);
        moved = err < 0 ? err : store_move(from, trash, id);
    }
    return moved == -ENOENT ? 0 : moved;
}

int store_file(struct storage *s, const char *id)
{
    int shelf = open_shelf(s, id, true);
    if (shelf < 0)
        return shelf;
    CRASH_POINT(FILING_SHELF);
    int moved = store_move(spool_new_fd(s->spool), shelf, id);
    close(shelf);
    return moved < 0 ? moved : 0;
}

/* --- what is in a directory --- */

static int each_entry(int directory, bool ids_only, int (*each)(void *arg, const char *name), void *arg)
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
        if (ids_only ? spool_id_is_valid(e->d_name) : strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            result = each(arg, e->d_name);
    closedir(dir);
    return result;
}

int store_each(int directory, int (*each)(void *arg, const char *id), void *arg)
{
    return each_entry(directory, true, each, arg);
}

struct removal {
    int directory, depth;
};

static int remove_entry(void *arg, const char *name)
{
    const struct removal *r = arg;
    int dir = r->depth < TREE_DEPTH ? storage_open_beneath(r->directory, name, O_RDONLY | O_DIRECTORY) : -EMLINK;
    if (dir == -ENOENT)
        return 0;
    if (dir < 0) { /* not a directory, or one that we do not go into */
        bool gone = unlinkat(r->directory, name, 0) == 0 || errno == ENOENT;
        CRASH_POINT(UNLINKED_ONE);
        return gone ? 0 : dir;
    }
    struct removal below = {.directory = dir, .depth = r->depth + 1};
    int err = each_entry(dir, false, remove_entry, &below);
    close(dir);
    if (err == 0 && unlinkat(r->directory, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        err = -errno;
    return err;
}

int store_remove_tree(int at, const char *id)
{
    struct removal r = {.directory = at};
    return remove_entry(&r, id);
}

int store_remove(struct storage *s, const char *id)
{
    /* In this order: an upload being filed moves from the one to the other. */
    int err = store_remove_tree(spool_new_fd(s->spool), id);
    int shelf = open_shelf(s, id, false);
    if (shelf < 0)
        return err < 0 || shelf == -ENOENT ? err : shelf;
    if (err == 0)
        err = store_remove_tree(shelf, id);
    if (err == 0 && fsync(shelf) < 0) /* before its row goes, or a power failure brings the files back unknown */
        err = -errno;
    close(shelf);
    return err;
}

/* --- bytes that came through the API --- */

int store_write_file(int dir, const char *name, const void *data, size_t len)
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
        err = store_write_file(dir, "data", data, len);
    if (err == 0)
        err = store_write_file(dir, "manifest", bytes, bytes_len);
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
    m.started_us = m.finished_us = clock_now_us();
    memcpy(m.upload_id, out->upload_id, sizeof(m.upload_id));
    snprintf(m.name, sizeof(m.name), "%s", name);
    snprintf(m.method, sizeof(m.method), STORAGE_METHOD_API);
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
