/*
 * Where an sqlite database may live, checked before it is opened: a local, writable directory, and one serving process.
 */
#include "shared/db/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shared/clock/clock.h"
#include "shared/disk/disk.h"

#define SCHEME "sqlite:///"

/* statfs(2). FUSE is sshfs, GlusterFS, s3fs …: which of them it is cannot be told, so none is trusted. */
static const struct {
    unsigned long type;
    const char *name;
} network_types[] = {
    {0x6969, "NFS"},        {0x517b, "SMB"},       {0xff534d42, "CIFS"},
    {0xfe534d42, "SMB2"},   {0x65735546, "FUSE"},  {0x00c36400, "Ceph"},
    {0x01021997, "9P"},     {0x5346414f, "AFS"},   {0x6b414653, "AFS"},
    {0x73757245, "Coda"},   {0x564c, "NCP"},       {0x0bd00bd0, "Lustre"},
    {0x47504653, "GPFS"},   {0x01161970, "GFS2"},  {0x7461636f, "OCFS2"},
    {0x19830326, "BeeGFS"}, {0xaad7aaea, "PanFS"}, {0x786f4256, "VirtualBox shared folder"},
};

const char *sqlite_network_file_system(unsigned long type)
{
    for (size_t i = 0; i < sizeof(network_types) / sizeof(network_types[0]); ++i) {
        if (type == network_types[i].type)
            return network_types[i].name;
    }
    return NULL;
}

static int check_local(const char *path, char *why, size_t why_size)
{
    struct statfs fs;
    if (statfs(path, &fs) < 0) {
        int err = -errno;
        snprintf(why, why_size, "%s: %s; make the directory, or name another in the database URL", path,
                 strerror(-err));
        return err;
    }
    const char *name = sqlite_network_file_system((unsigned long)fs.f_type & 0xffffffff);
    if (name == NULL)
        return 0;
    snprintf(why, why_size,
             "%s is on a network file system (%s), where sqlite loses data: use a local disk, or PostgreSQL", path,
             name);
    return -ENOTSUP;
}

static int check_directory(const char *path, char *why, size_t why_size)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return -ENOMEM;
    const char *directory = dirname(copy);
    int err = check_local(directory, why, why_size);
    if (err == 0 && access(directory, W_OK | X_OK) < 0) {
        err = -errno;
        snprintf(why, why_size,
                 "%s: %s: sqlite keeps further files beside the database, so user %u must be able to "
                 "write in that directory",
                 directory, strerror(-err), (unsigned)geteuid());
    }
    free(copy);
    return err;
}

static void refuse_file(const char *path, int err, char *why, size_t why_size)
{
    if (err == -ENOSPC || err == -EDQUOT)
        snprintf(why, why_size, "%s: no room is left on its disk, make some", path);
    else
        snprintf(why, why_size, "%s: %s; user %u must be able to read and write it", path, strerror(-err),
                 (unsigned)geteuid());
}

/* Only when it does not exist: closing a descriptor of a file drops all of the process's locks on it (fcntl(2)). */
static int make_file(const char *path, char *why, size_t why_size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* holds password hashes */
    if (fd >= 0)
        close(fd);
    if (fd >= 0 || (errno == EEXIST && access(path, R_OK | W_OK) == 0))
        return check_local(path, why, why_size);
    int err = -errno;
    refuse_file(path, err, why, why_size);
    return err;
}

static int take_lock(struct db_place *p, char *why, size_t why_size)
{
    char *path = NULL, holder[16] = "";
    if (asprintf(&path, "%s.lock", p->path) < 0)
        return -ENOMEM;
    p->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int err = p->lock_fd < 0 || flock(p->lock_fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
    if (err == -EWOULDBLOCK) {
        ssize_t n = pread(p->lock_fd, holder, sizeof(holder) - 1, 0);
        holder[n < 0 ? 0 : strspn(holder, "0123456789")] = '\0';
        snprintf(why, why_size,
                 "another process (pid %s) already serves from %s: stop it first, or use PostgreSQL for several",
                 holder[0] == '\0' ? "unknown" : holder, p->path);
        err = -EADDRINUSE;
    } else if (err < 0) {
        refuse_file(path, err, why, why_size);
    } else if (ftruncate(p->lock_fd, 0) < 0 || dprintf(p->lock_fd, "%d\n", (int)getpid()) < 0) {
        err = -errno; /* a full disk says so here rather than at the first write */
        refuse_file(path, err, why, why_size);
    }
    free(path);
    return err;
}

/* A relative path gets ./ before it, so that sqlite takes neither :memory: nor file: for more than a name. */
static char *path_of(const char *url)
{
    char *path = NULL;
    const char *rest = url + strlen(SCHEME);
    return asprintf(&path, "%s%s", rest[0] == '/' ? "" : "./", rest) < 0 ? NULL : path;
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int check(struct db_place *p, char *why, size_t why_size)
{
    size_t len = strlen(p->path);
    if (len <= 2 || p->path[len - 1] == '/') {
        snprintf(why, why_size,
                 "the file is missing in the database URL: sqlite:///file for one in the working "
                 "directory or sqlite:////directory/file");
        return -EINVAL;
    }
    if (is_directory(p->path)) {
        snprintf(why, why_size, "%s is a directory: name a file in it, such as sqlite:///%s/db.sqlite3", p->path,
                 p->path);
        return -EISDIR;
    }
    if (p->read_only) {
        int missing = access(p->path, R_OK) == 0 ? 0 : -errno;
        if (missing < 0)
            snprintf(why, why_size, "%s: %s; name a database that is there", p->path, strerror(-missing));
        return missing;
    }
    int err = check_directory(p->path, why, why_size);
    return err < 0 ? err : make_file(p->path, why, why_size);
}

int sqlite_place_open(const char *url, const struct db_options *options, struct db_place **out, char *why,
                      size_t why_size)
{
    struct db_place *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return -ENOMEM;
    p->lock_fd = -1;
    p->timeout_ms = options->statement_timeout_ms;
    p->read_only = options->read_only;
    pthread_mutex_init(&p->writing, NULL);
    clock_cond_init(&p->written);
    pthread_mutex_init(&p->watching, NULL);
    int err = (p->path = path_of(url)) == NULL ? -ENOMEM : check(p, why, why_size);
    if (err == 0 && options->exclusive)
        err = take_lock(p, why, why_size);
    if (err < 0) {
        sqlite_place_close(p);
        return err;
    }
    *out = p;
    return 0;
}

int64_t sqlite_place_size(const struct db_place *p)
{
    struct stat st;
    return stat(p->path, &st) < 0 ? 0 : (int64_t)st.st_size;
}

int sqlite_place_disk(const struct db_place *p)
{
    struct statvfs fs;
    return statvfs(p->path, &fs) < 0 ? 0 : disk_state(&fs); /* that it is away, a statement says */
}

bool sqlite_place_is_full(const struct db_place *p)
{
    return sqlite_place_disk(p) == -ENOSPC;
}

void sqlite_place_close(struct db_place *p)
{
    if (p == NULL)
        return;
    if (p->lock_fd >= 0)
        close(p->lock_fd); /* the file stays: removing it would let two processes hold locks on two files */
    pthread_cond_destroy(&p->written);
    pthread_mutex_destroy(&p->writing);
    pthread_mutex_destroy(&p->watching);
    free(p->path);
    free(p);
}
