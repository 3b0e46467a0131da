/* Log lines: their two forms, and that no value can break or forge one. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "shared/log/log.h"

static int saved_stderr, capture = -1;

static void capture_begin(void)
{
    capture = memfd_create("log", MFD_CLOEXEC);
    fcntl(capture, F_SETFL, O_APPEND);
    saved_stderr = dup(STDERR_FILENO);
    dup2(capture, STDERR_FILENO);
}

/* What was written since, for the caller to free. */
static char *capture_end(void)
{
    off_t size = lseek(capture, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    assert_non_null(text);
    assert_int_equal(pread(capture, text, (size_t)size, 0), size);
    close(capture);
    return text;
}

/* One line, its time cut off after a check of its form: 2026-11-23T06:15:19.627384Z. */
static char *text_line(const struct log_field *fields)
{
    char *text, *rest;

    capture_begin();
    log_write(LOG_LEVEL_INFO, "upload.published", fields);
    text = capture_end();
    assert_int_equal(strspn(text, "0123456789-T:.Z"), 27);
    assert_int_equal(text[10], 'T');
    assert_int_equal(text[19], '.');
    assert_int_equal(text[26], 'Z');
    rest = strdup(text + 28);
    free(text);
    return rest;
}

static void assert_text(const struct log_field *fields, const char *expected)
{
    char *line = text_line(fields);

    assert_string_equal(line, expected);
    free(line);
}

static json_t *json_line(const struct log_field *fields)
{
    json_error_t error;
    json_t *object;
    char *text;

    capture_begin();
    log_write(LOG_LEVEL_WARN, "disk.full", fields);
    text = capture_end();
    object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!object)
        fail_msg("%s in %s", error.text, text);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
    return object;
}

static int setup_text(void **state)
{
    (void)state;
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "upload-gw");
    return 0;
}

static int setup_json(void **state)
{
    (void)state;
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, "admin-api");
    return 0;
}

static void test_text_form(void **state)
{
    (void)state;
    assert_text(LOG_FIELDS(), "INFO upload-gw upload.published\n");
    assert_text(LOG_FIELDS(LOG_S("upload_id", "0f"), LOG_I("size", 123), LOG_S("name", "a b")),
                "INFO upload-gw upload.published upload_id=0f size=123 name=\"a b\"\n");
    assert_text(LOG_FIELDS(LOG_S("absent", NULL), LOG_S("empty", ""), LOG_I("n", INT64_MIN)),
                "INFO upload-gw upload.published empty=\"\" n=-9223372036854775808\n");
    assert_text(LOG_FIELDS(LOG_E(-ENOSPC)), "INFO upload-gw upload.published error=\"No space left on device\"\n");
}

static void test_text_cannot_be_forged(void **state)
{
    (void)state;
    assert_text(LOG_FIELDS(LOG_S("n", "x\n2026 ERROR y")), "INFO upload-gw upload.published n=\"x\\n2026 ERROR y\"\n");
    assert_text(LOG_FIELDS(LOG_S("n", "a=b")), "INFO upload-gw upload.published n=\"a=b\"\n");
    assert_text(LOG_FIELDS(LOG_S("n", "q\"\\")), "INFO upload-gw upload.published n=\"q\\\"\\\\\"\n");
    assert_text(LOG_FIELDS(LOG_S("n", "\x1b[2J\r\t\x7f")),
                "INFO upload-gw upload.published n=\"\\u001b[2J\\u000d\\u0009\\u007f\"\n");
    /* C1 control, line separator, right-to-left override */
    assert_text(LOG_FIELDS(LOG_S("n", "\xc2\x9b\xe2\x80\xa8\xe2\x80\xae")),
                "INFO upload-gw upload.published n=\"\\u009b\\u2028\\u202e\"\n");
    assert_text(LOG_FIELDS(LOG_S("n", "журнал")), "INFO upload-gw upload.published n=\"журнал\"\n");
}

static void test_bad_utf8_is_replaced(void **state)
{
    (void)state;
    assert_text(LOG_FIELDS(LOG_S("n", "a\xff"
                                      "b")),
                "INFO upload-gw upload.published n=\"a\xef\xbf\xbd"
                "b\"\n");
    assert_text(LOG_FIELDS(LOG_S("n", "\xc0\xaf")), "INFO upload-gw upload.published n=\"\xef\xbf\xbd\xef\xbf\xbd\"\n");
    assert_text(LOG_FIELDS(LOG_S("n", "x\xe2\x82")), /* cut short by the end */
                "INFO upload-gw upload.published n=\"x\xef\xbf\xbd\xef\xbf\xbd\"\n");
}

static void test_levels(void **state)
{
    char *text;

    (void)state;
    log_setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT, "s");
    capture_begin();
    log_debug("a");
    log_info("b", LOG_I("x", 1));
    log_warn("c");
    log_error("d", LOG_I("x", 1));
    text = capture_end();
    assert_null(strstr(text, " a"));
    assert_null(strstr(text, " b"));
    assert_non_null(strstr(text, "Z WARN s c\n"));
    assert_non_null(strstr(text, "Z ERROR s d x=1\n"));
    free(text);
}

static void test_errno_is_kept(void **state)
{
    char *text;

    (void)state;
    capture_begin();
    close(STDERR_FILENO); /* the write fails with EBADF */
    errno = ENOENT;
    log_error("x");
    assert_int_equal(errno, ENOENT);
    text = capture_end();
    assert_string_equal(text, "");
    free(text);
    assert_string_equal(log_errno_text(ENOENT), "No such file or directory");
    assert_string_equal(log_errno_text(99999), "Unknown error");
}

static void test_json_form(void **state)
{
    json_t *line = json_line(LOG_FIELDS(LOG_S("name", "a \"b\"\\\n\x01ж\xe2\x80\xa8"), LOG_I("free", -5)));

    (void)state;
    assert_int_equal(strlen(json_string_value(json_object_get(line, "time"))), 27);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "WARN");
    assert_string_equal(json_string_value(json_object_get(line, "service")), "admin-api");
    assert_string_equal(json_string_value(json_object_get(line, "event")), "disk.full");
    assert_string_equal(json_string_value(json_object_get(line, "name")), "a \"b\"\\\n\x01ж\xe2\x80\xa8");
    assert_int_equal(json_integer_value(json_object_get(line, "free")), -5);
    json_decref(line);
}

/* Whatever its length and wherever it is cut, a line is whole, bounded and says that it was shortened. */
static void test_long_lines(void **state)
{
    static char value[9000];

    int shortened = 0;

    (void)state;
    for (size_t len = 7900; len < 8250; len++) {
        const char *last;
        json_t *line;

        memset(value, len % 2 ? 'x' : '\n', sizeof(value));
        value[len % 2 ? len : len / 2] = '\0';
        line = json_line(LOG_FIELDS(LOG_S("value", value), LOG_S("k\x01", NULL), LOG_S("last", "there")));
        last = json_string_value(json_object_get(line, "last"));
        if (json_object_get(line, "truncated"))
            shortened++;
        else
            assert_string_equal(last, "there");
        json_decref(line);
    }
    assert_in_range(shortened, 1, 349);
}

static void test_long_text_line(void **state)
{
    static char value[20000];
    char *line;

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    line = text_line(LOG_FIELDS(LOG_I("a", 1), LOG_S("value", value), LOG_I("b", 2)));
    assert_true(strlen(line) < 8192);
    assert_non_null(strstr(line, " a=1 value=\"xxx"));
    assert_string_equal(line + strlen(line) - strlen("x\" truncated=true\n"), "x\" truncated=true\n");
    free(line);
}

#define WRITERS 4
#define LINES   300

static void *write_lines(void *arg)
{
    char pad[400];

    memset(pad, *(char *)arg, sizeof(pad) - 1);
    pad[sizeof(pad) - 1] = '\0';
    for (int i = 0; i < LINES; i++)
        log_info("threads", LOG_I("i", i), LOG_S("pad", pad));
    return NULL;
}

static void test_threads_do_not_mix(void **state)
{
    pthread_t threads[WRITERS];
    char marks[WRITERS] = {'a', 'b', 'c', 'd'};
    char *text, *rest;
    int lines = 0;

    (void)state;
    capture_begin();
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&threads[i], NULL, write_lines, &marks[i]);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    text = capture_end();
    rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line; lines++) {
        json_t *object = json_loads(line, 0, NULL);
        const char *pad = json_string_value(json_object_get(object, "pad"));

        assert_non_null(pad);
        assert_int_equal(strlen(pad), 399);
        assert_int_equal(strspn(pad, (char[]){pad[0], '\0'}), 399);
        json_decref(object);
    }
    assert_int_equal(lines, WRITERS * LINES);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_text_form, setup_text),
        cmocka_unit_test_setup(test_text_cannot_be_forged, setup_text),
        cmocka_unit_test_setup(test_bad_utf8_is_replaced, setup_text),
        cmocka_unit_test_setup(test_levels, setup_text),
        cmocka_unit_test_setup(test_errno_is_kept, setup_text),
        cmocka_unit_test_setup(test_json_form, setup_json),
        cmocka_unit_test_setup(test_long_lines, setup_json),
        cmocka_unit_test_setup(test_long_text_line, setup_text),
        cmocka_unit_test_setup(test_threads_do_not_mix, setup_json),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
