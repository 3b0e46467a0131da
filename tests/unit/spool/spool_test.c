/* The spool: what is published survives, what fails leaves nothing, modes let the group in. */
#include "shared/spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];
static struct spool *spool;

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/lc-spool-XXXXXX");
    umask(077); /* modes are ours, whatever the umask */
    return mkdtemp(root) == NULL || spool_open(root, &spool) < 0;
}

static int teardown(void **state)
{
    static const char *const left[] = {"spool/tmp", "spool/new", "spool/trash", "spool/orphans", "spool", ""};
    char path[128];
    int err = 0;
    (void)state;
    spool_close(spool);
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); ++i) {
        snprintf(path, sizeof(path), "%s/%s", root, left[i]);
        err |= rmdir(path);
    }
    return err; /* nothing may be left in them */
}

static mode_t mode_of(int at, const char *path)
{
    struct stat st;
    assert_int_equal(fstatat(at, path, &st, 0), 0);
    return st.st_mode & 07777;
}

static void test_writer(void **state)
{
    char id[SPOOL_ID_SIZE];
    (void)state;
    assert_int_equal(spool_make_id(id), 0);
    assert_int_equal(spool_has_writer(spool, id), -ENOENT);
    int fd = spool_create(spool, id);
    assert_true(fd >= 0);
    assert_int_equal(spool_has_writer(spool, id), 1);
    assert_int_equal(spool_has_writer(spool, id), 1); /* to look takes nothing away */
    close(fd);
    assert_int_equal(spool_has_writer(spool, id), 0);
    assert_int_equal(spool_discard(spool, id), 0);
}

static void test_publish(void **state)
{
    char id[SPOOL_ID_SIZE], path[64], text[16] = "";
    (void)state;
    assert_int_equal(spool_make_id(id), 0);
    assert_true(spool_id_is_valid(id));
    int fd = spool_create(spool, id);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "bytes", 5), 5);
    close(fd);
    assert_int_equal(spool_publish(spool, id, "manifest", 8), 0);
    snprintf(path, sizeof(path), "%s/data", id);
    fd = openat(spool_new_fd(spool), path, O_RDONLY);
    assert_int_equal(read(fd, text, sizeof(text)), 5);
    close(fd);
    assert_int_equal(mode_of(spool_new_fd(spool), path), 0640);
    assert_int_equal(mode_of(spool_new_fd(spool), id), 02770);
    assert_int_equal(faccessat(spool_tmp_fd(spool), id, F_OK, 0), -1);
    assert_int_equal(spool_publish(spool, id, "manifest", 8), -ENOENT); /* it is not in tmp any more */
    unlinkat(spool_new_fd(spool), path, 0);
    snprintf(path, sizeof(path), "%s/manifest", id);
    assert_int_equal(mode_of(spool_new_fd(spool), path), 0640);
    unlinkat(spool_new_fd(spool), path, 0);
    unlinkat(spool_new_fd(spool), id, AT_REMOVEDIR);
}

static void test_discard(void **state)
{
    char id[SPOOL_ID_SIZE], path[64];
    (void)state;
    assert_int_equal(spool_make_id(id), 0);
    close(spool_create(spool, id));
    assert_int_equal(spool_create(spool, id), -EEXIST); /* never two writers of one upload */
    snprintf(path, sizeof(path), "%s/data", id);
    assert_int_equal(faccessat(spool_tmp_fd(spool), path, F_OK, 0), 0);
    assert_int_equal(spool_discard(spool, id), 0);
    assert_int_equal(spool_discard(spool, id), 0);
}

static void test_ids(void **state)
{
    static const char *const bad[] = {"",
                                      "..",
                                      "0123456789abcdef0123456789abcde",
                                      "0123456789abcdef0123456789abcdeF",
                                      "0123456789abcdef/123456789abcdef",
                                      "0123456789abcdef0123456789abcdef0"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i)
        assert_false(spool_id_is_valid(bad[i]));
}

static void test_refused(void **state)
{
    struct spool *other;
    int64_t room;
    (void)state;
    assert_int_equal(spool_open("/nonexistent/data", &other), -ENOENT);
    assert_int_equal(spool_open("/etc/passwd", &other), -ENOTDIR);
    assert_int_equal(spool_room(spool, 0, &room), 0);
    assert_true(room > 0);
    assert_int_equal(spool_room(spool, INT64_MAX / 2, &room), 0);
    assert_true(room < 0);
}

static int answer_given;

static int still_ours(void *arg)
{
    (void)arg;
    return answer_given;
}

static int write_text(const char *id, int64_t fence, const char *text)
{
    return spool_state_write(spool, id, fence, text, strlen(text), -1, still_ours, NULL);
}

static void assert_state(const char *id, const char *text)
{
    char bytes[64];
    ssize_t n = spool_state_read(spool, id, bytes, sizeof(bytes));
    assert_int_equal(n, strlen(text));
    assert_memory_equal(bytes, text, (size_t)n);
}

static void test_state(void **state)
{
    char id[SPOOL_ID_SIZE], bytes[8];
    (void)state;
    assert_int_equal(spool_make_id(id), 0);
    assert_int_equal(spool_state_read(spool, id, bytes, sizeof(bytes)), -ENOENT);
    answer_given = 1;
    assert_int_equal(write_text(id, 1, "none"), -ESTALE); /* the upload is gone */
    int fd = spool_create(spool, id);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(spool_state_read(spool, id, bytes, sizeof(bytes)), -ENOENT);
    assert_int_equal(write_text(id, 1, "first"), 0);
    assert_int_equal(spool_created(spool), 0);
    assert_state(id, "first");
    assert_int_equal(write_text(id, 1, "longer than room"), 0);
    assert_int_equal(spool_state_read(spool, id, bytes, sizeof(bytes)), -EMSGSIZE);
    fd = spool_reopen(spool, id);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(spool_publish(spool, id, "manifest", 8), 0);
    spool_state_remove(spool, id);
    char path[64];
    snprintf(path, sizeof(path), "%s/state", id);
    assert_int_equal(faccessat(spool_new_fd(spool), path, F_OK, 0), -1);
    snprintf(path, sizeof(path), "%s/data", id);
    assert_int_equal(unlinkat(spool_new_fd(spool), path, 0), 0);
    snprintf(path, sizeof(path), "%s/manifest", id);
    assert_int_equal(unlinkat(spool_new_fd(spool), path, 0), 0);
    assert_int_equal(unlinkat(spool_new_fd(spool), id, AT_REMOVEDIR), 0);
}

/* Whoever seizes an upload while an earlier holder is about to replace the state: the earlier one cannot. */
static int seize_meanwhile(void *id)
{
    assert_int_equal(spool_state_seize(spool, id), 0);
    return 1;
}

static void test_seized_state_is_not_put_back(void **state)
{
    char id[SPOOL_ID_SIZE];
    (void)state;
    answer_given = 1;
    assert_int_equal(spool_make_id(id), 0);
    int fd = spool_create(spool, id);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(write_text(id, 1, "first"), 0);
    assert_int_equal(spool_state_write(spool, id, 1, "late", 4, -1, seize_meanwhile, id), -ESTALE);
    assert_int_equal(write_text(id, 2, "second"), 0);
    answer_given = 0;
    assert_int_equal(write_text(id, 1, "later"), -ESTALE);
    assert_state(id, "second");
    assert_int_equal(spool_discard(spool, id), 0); /* whatever is beside it: teardown finds nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state),   cmocka_unit_test(test_seized_state_is_not_put_back),
        cmocka_unit_test(test_publish), cmocka_unit_test(test_discard),
        cmocka_unit_test(test_ids),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_writer)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
