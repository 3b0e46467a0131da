/* The suite on sqlite, and what only sqlite has: places that are refused, one server per file, full disks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/db/sqlite.h"
#include "tests/unit/db/suite.h"

const char *const fixture_dialect = "sqlite";
static char directory[64];
static int fresh_count;

int fixture_start(void **state)
{
    (void)state;
    make_temporary_directory(directory, sizeof(directory));
    return 0;
}

int fixture_stop(void **state)
{
    (void)state;
    remove_tree(directory);
    return 0;
}

void fixture_fresh(char *url, size_t size)
{
    snprintf(url, size, "sqlite:///%s/%d.sqlite3", directory, ++fresh_count);
}

void fixture_settle(struct db_conn *c)
{
    (void)c; /* nothing there runs ANALYZE */
}

void fixture_plan(struct db_conn *c, const char *sql, const struct db_value *values, size_t count, char *plan,
                  size_t size)
{
    read_plan(c, "EXPLAIN QUERY PLAN", sql, values, count, 3, plan, size);
}

static void bad_places(void **state)
{
    char url[256];
    (void)state;
    assert_refused("mysql://root@localhost/x", -EINVAL, "sqlite:///");
    assert_refused("sqlite://host/file", -EINVAL, "sqlite:///");
    assert_refused("sqlite:///", -EINVAL, "file is missing");
    assert_refused("sqlite:////tmp/", -EINVAL, "file is missing");
    assert_refused("sqlite:////nonexistent-directory/x.sqlite3", -ENOENT, "make the directory");
    snprintf(url, sizeof(url), "sqlite:///%s", directory);
    assert_refused(url, -EISDIR, "is a directory");
    snprintf(url, sizeof(url), "sqlite:///%s/text", directory);
    int fd = open(url + 10, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && dprintf(fd, "This is no database, but it is longer than a header of one hundred bytes: "
                                       "sqlite takes shorter files for empty ones.\n") > 100);
    close(fd);
    assert_refused(url, -EIO, "not a database");
}

static void unwritable_directory(void **state)
{
    char closed[128], url[160];
    (void)state;
    snprintf(closed, sizeof(closed), "%s/closed", directory);
    assert_int_equal(mkdir(closed, 0755), 0);
    snprintf(url, sizeof(url), "sqlite:///%s/x.sqlite3", closed);
    assert_int_equal(chmod(closed, 0555), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { /* root may write anywhere */
        char why[512] = "";
        if (geteuid() == 0 && setuid(65534) < 0)
            _exit(2);
        _exit(try_open(url, false, why, sizeof(why)) == -EACCES && strstr(why, "must be able to write") ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void network_file_systems(void **state)
{
    (void)state;
    assert_string_equal(sqlite_network_file_system(0x6969), "NFS");
    assert_string_equal(sqlite_network_file_system(0xff534d42), "CIFS");
    assert_string_equal(sqlite_network_file_system(0xfe534d42), "SMB2");
    assert_string_equal(sqlite_network_file_system(0x65735546), "FUSE");
    assert_string_equal(sqlite_network_file_system(0x00c36400), "Ceph");
    assert_null(sqlite_network_file_system(0xef53));     /* ext4 */
    assert_null(sqlite_network_file_system(0x58465342)); /* XFS */
    assert_null(sqlite_network_file_system(0x01021994)); /* tmpfs */
    assert_null(sqlite_network_file_system(0x794c7630)); /* overlayfs */
}

/* What the kernel is said to answer (linked with --wrap=statfs); 0: what it does answer. */
static long pretended_type;

int __real_statfs(const char *path, struct statfs *out);
int __wrap_statfs(const char *path, struct statfs *out);

int __wrap_statfs(const char *path, struct statfs *out)
{
    int err = __real_statfs(path, out);
    if (pretended_type != 0)
        out->f_type = pretended_type;
    return err;
}

static void network_file_system_is_refused(void **state)
{
    char url[256];
    (void)state;
    snprintf(url, sizeof(url), "sqlite:///%s/shared.sqlite3", directory);
    pretended_type = 0x65735546; /* GlusterFS, sshfs … */
    assert_refused(url, -ENOTSUP, "network file system (FUSE)");
    pretended_type = 0x6969;
    assert_refused(url, -ENOTSUP, "use a local disk, or PostgreSQL");
    pretended_type = 0;
    db_close(open_url(url, 1, TIMEOUT_MS));
}

static void relative_path_is_only_a_name(void **state)
{
    char before[512];
    struct stat st;
    (void)state;
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(directory), 0);
    struct db *db = open_url("sqlite:///:memory:", 1, TIMEOUT_MS);
    db_close(db);
    db = open_url("sqlite:///./file:x?mode=memory", 1, TIMEOUT_MS);
    db_close(db);
    assert_int_equal(stat(":memory:", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat("file:x?mode=memory", &st), 0);
    assert_int_equal(chdir(before), 0);
}

static void second_server_is_refused(void **state)
{
    struct db_options options = {.connections = 1, .statement_timeout_ms = TIMEOUT_MS, .exclusive = true};
    char url[512], why[512] = "", pid_text[32];
    struct db *db = NULL;
    int ready[2], go[2], status = -1;
    char byte = 'x';
    (void)state;
    fixture_fresh(url, sizeof(url));
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(go[1]);
        int err = db_open(url, &options, &db, why, sizeof(why));
        if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 0)
            _exit(1);
        _exit(err < 0); /* without db_close, as if killed */
    }
    close(go[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(try_open(url, true, why, sizeof(why)), -EADDRINUSE);
    snprintf(pid_text, sizeof(pid_text), "(pid %d)", (int)pid);
    assert_non_null(strstr(why, pid_text));
    assert_int_equal(try_open(url, false, why, sizeof(why)), 0); /* commands run beside it */
    assert_int_equal(try_open(url, true, why, sizeof(why)), -EADDRINUSE);
    close(go[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(try_open(url, true, why, sizeof(why)), 0);
    close(ready[0]);
    close(ready[1]);
}

static int write_while_other_is_busy(struct db_conn *c, void *arg)
{
    struct db_conn *other = arg;
    (void)c;
    int64_t done = db_exec_values(other, "INSERT INTO t VALUES (2)", NULL, 0);
    assert_int_equal(done, -EBUSY);
    assert_int_equal(number_of(other, "SELECT count(*) FROM t"), 1); /* readers go on */
    return 0;
}

static int do_nothing(struct db_conn *c, void *arg)
{
    (void)c;
    (void)arg;
    return 0;
}

static int begin_while_other_is_busy(struct db_conn *c, void *arg)
{
    (void)c;
    assert_int_equal(db_transaction(arg, do_nothing, NULL), -EBUSY);
    return 0;
}

/* Two struct db are as good as two processes: they share nothing but the file. `same` is within one. */
static void busy_ends_in_time(void **state)
{
    char url[512];
    (void)state;
    fixture_fresh(url, sizeof(url));
    struct db *one = open_url(url, 2, 200), *two = open_url(url, 1, 200);
    struct db_conn *a = borrow(one), *same = borrow(one), *b = borrow(two);
    must_run(a, "CREATE TABLE t (n BIGINT)");
    must_run(a, "INSERT INTO t VALUES (1)");
    assert_int_equal(db_transaction(a, write_while_other_is_busy, b), 0);
    assert_int_equal(db_transaction(a, write_while_other_is_busy, same), 0);
    assert_int_equal(db_transaction(a, begin_while_other_is_busy, b), 0);
    assert_int_equal(db_transaction(a, begin_while_other_is_busy, same), 0);
    must_run(b, "INSERT INTO t VALUES (2)");
    must_run(same, "INSERT INTO t VALUES (3)");
    assert_int_equal(number_of(a, "SELECT count(*) FROM t"), 3);
    db_release(a);
    db_release(same);
    db_release(b);
    db_close(one);
    db_close(two);
}

static void settings_are_in_force(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c[4];
    (void)state;
    for (int i = 0; i < 4; ++i)
        c[i] = borrow(db);
    for (int i = 0; i < 4; ++i) {
        assert_int_equal(number_of(c[i], "PRAGMA foreign_keys"), 1);
        assert_int_equal(number_of(c[i], "PRAGMA synchronous"), 2);
        assert_int_equal(number_of(c[i], "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
        db_release(c[i]);
    }
    db_close(db);
}

static int fill_in_transaction(struct db_conn *c, void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; ++i) {
        int64_t done = db_exec_values(c, "INSERT INTO t VALUES (zeroblob(100000))", NULL, 0);
        if (done < 0)
            return (int)done;
    }
    return 0;
}

static void rows_are_not_held(void **state)
{
    struct db *db = open_fresh();
    struct db_conn *c = borrow(db);
    struct db_rows *r = NULL;
    (void)state;
    assert_int_equal(db_query_few(c, &r, "SELECT 42", NULL, 0), 0);
    assert_int_equal(db_hold(r), -ENOTSUP);
    assert_int_equal(db_step(r), 1);
    assert_int_equal(db_int(r, 0), 42);
    db_rows_free(r);
    db_release(c);
    db_close(db);
}

static void full_disk(void **state)
{
    char mount_point[128], url[256];
    (void)state;
    snprintf(mount_point, sizeof(mount_point), "%s/small", directory);
    assert_int_equal(mkdir(mount_point, 0755), 0);
    if (mount("tmpfs", mount_point, "tmpfs", 0, "size=2m") < 0) {
        print_message("no right to mount a small tmpfs: skipped\n");
        if (getenv("CI") != NULL)
            fail();
        skip();
    }
    snprintf(url, sizeof(url), "sqlite:///%s/x.sqlite3", mount_point);
    struct db *db = open_url(url, 1, TIMEOUT_MS);
    struct db_conn *c = borrow(db);
    must_run(c, "CREATE TABLE t (b BLOB)");
    must_run(c, "INSERT INTO t VALUES (x'01')");
    int err = db_transaction(c, fill_in_transaction, NULL);
    int64_t rows = number_of(c, "SELECT count(*) FROM t");
    int64_t after = db_exec_values(c, "INSERT INTO t VALUES (x'02')", NULL, 0);
    db_release(c);
    db_close(db);
    assert_int_equal(umount2(mount_point, MNT_DETACH), 0);
    assert_int_equal(err, -ENOSPC);
    assert_int_equal(rows, 1);
    assert_int_equal(after, 1); /* what was rolled back left room */
}

static const struct CMUnitTest own_tests[] = {
    cmocka_unit_test(bad_places),
    cmocka_unit_test(unwritable_directory),
    cmocka_unit_test(network_file_systems),
    cmocka_unit_test(network_file_system_is_refused),
    cmocka_unit_test(relative_path_is_only_a_name),
    cmocka_unit_test(second_server_is_refused),
    cmocka_unit_test(busy_ends_in_time),
    cmocka_unit_test(settings_are_in_force),
    cmocka_unit_test(rows_are_not_held),
    cmocka_unit_test(full_disk),
};

int main(void)
{
    return run_suite("db on sqlite", own_tests, sizeof(own_tests) / sizeof(own_tests[0]));
}
