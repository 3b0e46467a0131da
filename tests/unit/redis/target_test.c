/* REDIS_URL taken apart, and replies as errors and numbers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/redis/reply.h"
#include "shared/redis/target.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *url;
    enum redis_kind kind;
    const char *host; /* the last one */
    int port;
    size_t count;
    const char *path, *master, *user, *password;
    int db;
} good[] = {
    {"redis://127.0.0.1:6379/0", REDIS_TCP, "127.0.0.1", 6379, 1, NULL, NULL, NULL, NULL, 0},
    {"redis://h", REDIS_TCP, "h", 6379, 1, NULL, NULL, NULL, NULL, 0},
    {"redis://h/", REDIS_TCP, "h", 6379, 1, NULL, NULL, NULL, NULL, 0},
    {"redis://[::1]:7/15", REDIS_TCP, "::1", 7, 1, NULL, NULL, NULL, NULL, 15},
    {"redis://[::1]", REDIS_TCP, "::1", 6379, 1, NULL, NULL, NULL, NULL, 0},
    {"redis://:p%40s%2Fs@h:1", REDIS_TCP, "h", 1, 1, NULL, NULL, NULL, "p@s/s", 0},
    {"redis://u:p:q@h", REDIS_TCP, "h", 6379, 1, NULL, NULL, "u", "p:q", 0},
    {"unix:///run/r.sock", REDIS_UNIX, NULL, 0, 0, "/run/r.sock", NULL, NULL, NULL, 0},
    {"unix:///run/a%20b.sock?db=3", REDIS_UNIX, NULL, 0, 0, "/run/a b.sock", NULL, NULL, NULL, 3},
    {"unix://u:p@/r.sock", REDIS_UNIX, NULL, 0, 0, "/r.sock", NULL, "u", "p", 0},
    {"redis+sentinel://a:1,b,[::1]:3/lc/2", REDIS_SENTINEL, "::1", 3, 3, NULL, "lc", NULL, NULL, 2},
    {"redis+sentinel://:p@a/lc", REDIS_SENTINEL, "a", 26379, 1, NULL, "lc", NULL, "p", 0},
};

static void assert_text(const char *got, const char *expected)
{
    if (expected == NULL)
        assert_null(got);
    else
        assert_string_equal(got, expected);
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(good); ++i) {
        struct redis_target *t = NULL;
        char why[256] = "";
        if (redis_target_parse(good[i].url, &t, why, sizeof(why)) != 0)
            fail_msg("%s: %s", good[i].url, why);
        assert_int_equal(t->kind, good[i].kind);
        assert_int_equal(t->address_count, good[i].count);
        if (good[i].count > 0) {
            assert_string_equal(t->addresses[t->address_count - 1].host, good[i].host);
            assert_int_equal(t->addresses[t->address_count - 1].port, good[i].port);
        }
        assert_text(t->path, good[i].path);
        assert_text(t->master, good[i].master);
        assert_text(t->user, good[i].user);
        assert_text(t->password, good[i].password);
        assert_int_equal(t->db, good[i].db);
        redis_target_free(t);
    }
}

static void test_refused(void **state)
{
    static const char *const bad[][2] = {
        {"", "unknown scheme"},
        {"http://h", "unknown scheme"},
        {"REDIS://h", "unknown scheme"},
        {"rediss://h", "TLS"},
        {"redis://", "host or port"},
        {"redis://:6379", "host or port"},
        {"redis://h:0", "host or port"},
        {"redis://h:65536", "host or port"},
        {"redis://h:6379x", "host or port"},
        {"redis://h:+1", "host or port"},
        {"redis://[::1", "host or port"},
        {"redis://[::1]x", "host or port"},
        {"redis://h/x", "database"},
        {"redis://h/-1", "database"},
        {"redis://h/1/2", "database"},
        {"redis://u:secret%zz@h", "password"},
        {"redis://u:secret%00@h", "password"},
        {"redis://secret@h", "password"},
        {"redis://u:@h", "password"},
        {"unix://run/r.sock", "absolute"},
        {"unix:///", "absolute"},
        {"unix:///a%0", "percent"},
        {"unix:///a?db=", "?db="},
        {"unix:///a?x=1", "?db="},
        {"redis+sentinel://a:1", "name of the master"},
        {"redis+sentinel://a:1/", "name of the master"},
        {"redis+sentinel://a,,b/lc", "sentinel's host"},
        {"redis+sentinel:///lc", "sentinel's host"},
        {"redis+sentinel://a/l%c", "percent"},
        {"redis+sentinel://a/lc/x", "database"},
    };
    (void)state;
    for (size_t i = 0; i < LEN(bad); ++i) {
        struct redis_target *t = NULL;
        char why[256] = "";
        if (redis_target_parse(bad[i][0], &t, why, sizeof(why)) != -EINVAL || strstr(why, bad[i][1]) == NULL)
            fail_msg("%s: %s", bad[i][0], why);
        assert_null(t);
        assert_null(strstr(why, "secret"));
        assert_non_null(strstr(why, "write redis://"));
    }
}

static void test_error_replies(void **state)
{
    static const struct {
        char text[64];
        int err;
    } rows[] = {
        {"LOADING Redis is loading the dataset in memory", -EBUSY},
        {"BUSY Redis is busy running a script", -EBUSY},
        {"READONLY You can't write against a read only replica.", -EAGAIN},
        {"MASTERDOWN Link with MASTER is down", -EAGAIN},
        {"UNBLOCKED force unblock", -EAGAIN},
        {"NOAUTH Authentication required.", -EACCES},
        {"WRONGPASS invalid username-password pair", -EACCES},
        {"NOPERM this user has no permissions", -EACCES},
        {"OOM command not allowed when used memory > 'maxmemory'.", -ENOMEM},
        {"NOSCRIPT No matching script.", -ENOENT},
        {"ERR unknown command", -EPROTO},
        {"LOADINGX", -EPROTO},
        {"", -EPROTO},
    };
    (void)state;
    for (size_t i = 0; i < LEN(rows); ++i) {
        char text[64];
        memcpy(text, rows[i].text, sizeof(text));
        redisReply r = {.type = REDIS_REPLY_ERROR, .str = text, .len = strlen(text)};
        if (redis_reply_error(&r) != rows[i].err)
            fail_msg("%s: %d", text, redis_reply_error(&r));
        r.type = REDIS_REPLY_STRING; /* the same words as data are no error */
        assert_int_equal(redis_reply_error(&r), 0);
    }
}

static void test_numbers_and_texts(void **state)
{
    static const struct {
        char text[32];
        int64_t number;
    } rows[] = {{"0", 0},  {"-5", -5}, {"9223372036854775807", INT64_MAX}, {"9223372036854775808", -1}, {"", -1},
                {"x", -1}, {"5x", -1}};
    char master[] = "master", run_id[] = "# Server\r\nrun_id:0123456789abcdef0123456789abcdef01234567\r\nx:y\r\n";
    redisReply role = {.type = REDIS_REPLY_STRING, .str = master, .len = 6}, *roles[] = {&role};
    redisReply list = {.type = REDIS_REPLY_ARRAY, .elements = 1, .element = roles};
    redisReply info = {.type = REDIS_REPLY_STRING, .str = run_id, .len = strlen(run_id)};
    char out[41];
    (void)state;
    for (size_t i = 0; i < LEN(rows); ++i) {
        char text[32];
        memcpy(text, rows[i].text, sizeof(text));
        redisReply r = {.type = REDIS_REPLY_STRING, .str = text, .len = strlen(text)};
        assert_true(redis_reply_int(&r) == rows[i].number);
    }
    assert_true(redis_reply_int(&(redisReply){.type = REDIS_REPLY_INTEGER, .integer = 7}) == 7);
    assert_true(redis_reply_int(&(redisReply){.type = REDIS_REPLY_NIL}) == -1);
    assert_string_equal(redis_reply_text(&list, 0), "master");
    assert_string_equal(redis_reply_text(&list, 1), "");
    assert_string_equal(redis_reply_text(&role, 0), "");
    assert_true(redis_reply_is_master(&list) && !redis_reply_is_master(&role));
    assert_int_equal(redis_reply_run_id(&info, out), 0);
    assert_string_equal(out, "0123456789abcdef0123456789abcdef01234567");
    run_id[20] = 'g';
    assert_int_equal(redis_reply_run_id(&info, out), -EPROTO);
    assert_int_equal(redis_reply_run_id(&list, out), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_error_replies),
        cmocka_unit_test(test_numbers_and_texts),
    };
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
