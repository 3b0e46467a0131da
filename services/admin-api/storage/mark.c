/*
 * The mark: archives/.database says which database the archives belong to, so that another one that is named by mistake
 * does not take them for unknown. It lies beside what it protects: whoever moves archives/ away takes it along. Its
 * text is the database's own, which copies of the database keep.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"

#define MARK      ".database"
#define MARK_SIZE 64

static const char advice[] = "if that database is lost for good and this one takes its place, admin-api accept-data";

/* 1, 0: there is none, or negative. */
static int read_mark(int archives, char mark[MARK_SIZE])
{
    int fd = openat(archives, MARK, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    ssize_t n = read(fd, mark, MARK_SIZE - 1);
    int err = n < 0 ? -errno : 1;
    close(fd);
    mark[n < 0 ? 0 : n] = '\0';
    mark[strcspn(mark, "\n")] = '\0';
    return err;
}

static int take(const struct db_rows *r, void *arg)
{
    snprintf(arg, MARK_SIZE, "%s", db_text(r, 0));
    return 0;
}

static int read_own(struct db_conn *c, char mark[MARK_SIZE])
{
    int found = db_one(c, take, mark, storage_statement(MARK_READ));
    return found < 0 ? found : found == 1 ? 0 : -EIO;
}

/* Not every file system knows RENAME_NOREPLACE; without it the last of two that start at once wins. */
static int rename_mark(int archives, const char *fresh, unsigned flags)
{
    if (renameat2(archives, fresh, archives, MARK, flags) == 0)
        return 0;
    return errno != EINVAL || flags == 0 ? -errno : rename_mark(archives, fresh, 0);
}

/* `flags` of renameat2. -EEXIST: another was faster. */
static int write_mark(int archives, const char *mark, unsigned flags)
{
    char id[SPOOL_ID_SIZE], fresh[SPOOL_ID_SIZE + sizeof(MARK)], line[MARK_SIZE + 1];
    int err = spool_make_id(id);
    if (err < 0)
        return err;
    snprintf(fresh, sizeof(fresh), MARK "-%s", id);
    snprintf(line, sizeof(line), "%s\n", mark);
    err = store_write_file(archives, fresh, line, strlen(line));
    if (err == 0)
        err = rename_mark(archives, fresh, flags);
    if (err < 0)
        unlinkat(archives, fresh, 0);
    return err == 0 && fsync(archives) < 0 ? -errno : err;
}

static int on_archive(void *arg, const char *id)
{
    (void)arg;
    (void)id;
    return 1;
}

static int on_shelf(void *arg, int shelf)
{
    return store_each(shelf, on_archive, arg);
}

/* 1, 0 or negative. */
static int holds_archives(int archives)
{
    return store_each_shelf(archives, on_shelf, NULL);
}

static int is_anothers(const char *data_dir, char *why, size_t why_size)
{
    snprintf(
        why, why_size,
        "DATA_DIR: %.160s/archives belongs to another database than DB_URL's: give the DB_URL it was used with; %s",
        data_dir, advice);
    return -EEXIST;
}

static int is_unknown(const char *data_dir, char *why, size_t why_size)
{
    snprintf(why, why_size,
             "DATA_DIR: %.160s/archives holds archives, and DB_URL's database knows of none: give the DB_URL they were "
             "filed with; %s",
             data_dir, advice);
    return -EEXIST;
}

static int explain(const struct storage *s, struct db_conn *c, int err, char *why, size_t why_size)
{
    if (err < 0 && err != -EEXIST)
        snprintf(why, why_size, "DATA_DIR: %.160s/archives/" MARK " cannot be read, compared or written: %.200s",
                 s->options.data_dir, c != NULL && err == -EIO ? db_error(c) : strerror(-err));
    return err;
}

/* Of a directory that no release has marked yet. */
static int adopt(struct storage *s, struct db_conn *c, const char *ours, char *why, size_t why_size)
{
    int holds = holds_archives(s->archives);
    int knows = holds == 1 ? db_one(c, NULL, NULL, storage_statement(MARK_KNOWS_ARCHIVES)) : 1;
    if (holds < 0 || knows < 0)
        return holds < 0 ? holds : knows;
    if (knows == 0)
        return is_unknown(s->options.data_dir, why, why_size);
    return s->options.looks_only ? 0 : write_mark(s->archives, ours, RENAME_NOREPLACE);
}

static int compare(struct storage *s, struct db_conn *c, char *why, size_t why_size)
{
    char ours[MARK_SIZE], theirs[MARK_SIZE];
    int err = read_own(c, ours);
    int found = err < 0 ? err : read_mark(s->archives, theirs);
    if (found == 0) {
        err = adopt(s, c, ours, why, why_size);
        found = err == -EEXIST ? read_mark(s->archives, theirs) : 0;
    }
    if (found == 0)
        return err;
    if (found < 0)
        return found;
    return strcmp(ours, theirs) == 0 ? 0 : is_anothers(s->options.data_dir, why, why_size);
}

int mark_check(struct storage *s, char *why, size_t why_size)
{
    struct db_conn *c = NULL;
    int err = s->options.database_unread ? 0 : db_acquire(s->db, &c);
    if (c != NULL)
        err = compare(s, c, why, why_size);
    err = explain(s, c, err, why, why_size);
    db_release(c);
    return err;
}

/* The descriptor; -ENOENT: there is none. */
static int open_archives(const char *data_dir)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/archives", data_dir);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int storage_is_free(const char *data_dir, char *why, size_t why_size)
{
    char mark[MARK_SIZE];
    int archives = open_archives(data_dir);
    if (archives < 0)
        return 0; /* storage_open will say what is wrong with it */
    int marked = read_mark(archives, mark), holds = holds_archives(archives);
    close(archives);
    return marked == 1 ? is_anothers(data_dir, why, why_size) : holds == 1 ? is_unknown(data_dir, why, why_size) : 0;
}

int storage_accept(const char *data_dir, struct db_conn *c)
{
    char mark[MARK_SIZE];
    int err = read_own(c, mark);
    int archives = err < 0 ? err : open_archives(data_dir);
    if (archives < 0)
        return archives;
    err = write_mark(archives, mark, 0);
    close(archives);
    return err;
}
