/* The configuration table: what is taken, what is refused and what the refusal says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/config/config.h"

struct settings {
    char *path, *key, *hosts;
    int64_t threads, level, quota, lease, strict, format;
};

static int check_hosts(const char *value, char *why, size_t why_size)
{
    if (strchr(value, '*') == NULL)
        return 0;
    snprintf(why, why_size, "name the hosts one by one");
    return -EINVAL;
}

#define ROW(m) .offset = offsetof(struct settings, m)
static const struct config_row rows[] = {
    {"T_PATH", CONFIG_STRING, ROW(path), "./data", 0, 0, NULL, false, NULL, "Where it lies."},
    {"T_KEY", CONFIG_STRING, ROW(key), NULL, 0, 0, NULL, true, NULL, "Signs things."},
    {"T_HOSTS", CONFIG_STRING, ROW(hosts), "", 0, 0, NULL, false, check_hosts, "Names."},
    {"T_THREADS", CONFIG_INT, ROW(threads), "2", 1, 64, NULL, false, NULL, "Loops."},
    {"T_LEVEL", CONFIG_INT, ROW(level), "0", -5, 5, NULL, false, NULL, "Level."},
    {"T_QUOTA", CONFIG_SIZE, ROW(quota), "50G", 1024, INT64_C(1) << 44, NULL, false, NULL, "Bytes."},
    {"T_LEASE", CONFIG_DURATION, ROW(lease), "90s", 1000, 86400000, NULL, false, NULL, "How long."},
    {"T_STRICT", CONFIG_BOOL, ROW(strict), "no", 0, 0, NULL, false, NULL, "Whether."},
    {"T_FORMAT", CONFIG_ENUM, ROW(format), "text", 0, 0, "text|json", false, NULL, "How."},
};
#define COUNT (sizeof(rows) / sizeof(rows[0]))

static char why[512];

static void clear_environment(void)
{
    char name[64];

    for (size_t i = 0; i < COUNT; i++) {
        unsetenv(rows[i].name);
        snprintf(name, sizeof(name), "%s_FILE", rows[i].name);
        unsetenv(name);
    }
}

static int setup(void **state)
{
    (void)state;
    clear_environment();
    setenv("T_KEY", "hunter2", 1);
    why[0] = '\0';
    return 0;
}

static int load(struct settings *settings)
{
    memset(settings, 0, sizeof(*settings));
    return config_load(rows, COUNT, settings, why, sizeof(why));
}

static void unload(struct settings *settings)
{
    config_free(rows, COUNT, settings);
}

static void assert_says(const char *part)
{
    if (!strstr(why, part))
        fail_msg("\"%s\" is not in \"%s\"", part, why);
}

static void refuse_with(const char *name, const char *value, const char *says)
{
    struct settings settings;

    setenv(name, value, 1);
    assert_int_equal(load(&settings), -EINVAL);
    assert_says(name);
    assert_says(says);
    assert_null(strchr(why, '\n'));
    assert_null(settings.path);
    unsetenv(name);
}

static void write_file(const char *path, const char *data, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void test_fallbacks(void **state)
{
    struct settings settings;

    (void)state;
    assert_int_equal(load(&settings), 0);
    assert_string_equal(settings.path, "./data");
    assert_string_equal(settings.key, "hunter2");
    assert_string_equal(settings.hosts, "");
    assert_int_equal(settings.threads, 2);
    assert_int_equal(settings.quota, INT64_C(50) << 30);
    assert_int_equal(settings.lease, 90000);
    assert_int_equal(settings.strict, 0);
    assert_int_equal(settings.format, 0);
    unload(&settings);
    assert_null(settings.path);
}

static void test_nothing_counts_as_not_set(void **state)
{
    struct settings settings;

    (void)state;
    setenv("T_PATH", "", 1);
    setenv("T_PATH_FILE", "", 1);
    assert_int_equal(load(&settings), 0);
    assert_string_equal(settings.path, "./data");
    unload(&settings);
}

static void test_required(void **state)
{
    struct settings settings;

    (void)state;
    unsetenv("T_KEY");
    assert_int_equal(load(&settings), -EINVAL);
    assert_says("T_KEY is not set");
    assert_says("T_KEY_FILE");
    assert_null(settings.path);
}

static const struct {
    const char *name, *text;
    int64_t value; /* -1000: refused */
} numbers[] = {
    {"T_THREADS", "1", 1},        {"T_THREADS", "64", 64},
    {"T_THREADS", "007", 7},      {"T_THREADS", "0", -1000},
    {"T_THREADS", "65", -1000},   {"T_THREADS", "-1", -1000},
    {"T_THREADS", "+1", -1000},   {"T_THREADS", " 1", -1000},
    {"T_THREADS", "1 ", -1000},   {"T_THREADS", "1.5", -1000},
    {"T_THREADS", "0x10", -1000}, {"T_THREADS", "1K", -1000},
    {"T_THREADS", "four", -1000}, {"T_THREADS", "18446744073709551617", -1000},
    {"T_LEVEL", "-5", -5},        {"T_LEVEL", "-6", -1000},
    {"T_LEVEL", "--5", -1000},    {"T_LEVEL", "-", -1000},
    {"T_QUOTA", "1024", 1024},    {"T_QUOTA", "1K", 1024},
    {"T_QUOTA", "1k", 1024},      {"T_QUOTA", "1024B", 1024},
    {"T_QUOTA", "3MB", 3 << 20},  {"T_QUOTA", "3MiB", 3 << 20},
    {"T_QUOTA", "1G", 1 << 30},   {"T_QUOTA", "16T", INT64_C(1) << 44},
    {"T_QUOTA", "17T", -1000},    {"T_QUOTA", "1023", -1000},
    {"T_QUOTA", "K", -1000},      {"T_QUOTA", "", INT64_C(50) << 30},
    {"T_QUOTA", "1KK", -1000},    {"T_QUOTA", "1iB", -1000},
    {"T_QUOTA", "1 G", -1000},    {"T_QUOTA", "1.5G", -1000},
    {"T_QUOTA", "10Q", -1000},    {"T_QUOTA", "99999999T", -1000},
    {"T_LEASE", "90", -1000},     {"T_LEASE", "1500ms", 1500},
    {"T_LEASE", "2m", 120000},    {"T_LEASE", "24h", 86400000},
    {"T_LEASE", "1d", 86400000},  {"T_LEASE", "2d", -1000},
    {"T_LEASE", "999ms", -1000},  {"T_LEASE", "1M", -1000},
    {"T_LEASE", "1w", -1000},     {"T_LEASE", "9223372036854775807d", -1000},
    {"T_STRICT", "true", 1},      {"T_STRICT", "Yes", 1},
    {"T_STRICT", "ON", 1},        {"T_STRICT", "1", 1},
    {"T_STRICT", "false", 0},     {"T_STRICT", "off", 0},
    {"T_STRICT", "0", 0},         {"T_STRICT", "2", -1000},
    {"T_STRICT", "maybe", -1000}, {"T_FORMAT", "json", 1},
    {"T_FORMAT", "JSON", -1000},  {"T_FORMAT", "jso", -1000},
    {"T_FORMAT", "jsonx", -1000}, {"T_FORMAT", "text|json", -1000},
    {"T_FORMAT", "|", -1000},
};

static const struct config_row *find_row(const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    fail_msg("no row %s", name);
    return NULL;
}

static void test_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const struct config_row *row = find_row(numbers[i].name);
        struct settings settings;
        int64_t value;
        int err;

        setenv(row->name, numbers[i].text, 1);
        err = load(&settings);
        if (err != (numbers[i].value == -1000 ? -EINVAL : 0))
            fail_msg("%s=%s: %d %s", row->name, numbers[i].text, err, why);
        if (err) {
            assert_says(row->name);
        } else {
            memcpy(&value, (const char *)&settings + row->offset, sizeof(value));
            assert_int_equal(value, numbers[i].value);
            unload(&settings);
        }
        unsetenv(row->name);
    }
}

static void test_messages_say_what_to_give(void **state)
{
    (void)state;
    refuse_with("T_THREADS", "0", "give at least 1");
    refuse_with("T_THREADS", "100", "give at most 64");
    refuse_with("T_QUOTA", "1", "give at least 1K");
    refuse_with("T_QUOTA", "20T", "give at most 16T");
    refuse_with("T_LEASE", "0", "give at least 1s");
    refuse_with("T_LEASE", "48h", "give at most 1d");
    refuse_with("T_LEASE", "soon", "\"soon\"");
    refuse_with("T_FORMAT", "xml", "give one of text|json");
    refuse_with("T_STRICT", "perhaps", "give true or false");
    refuse_with("T_HOSTS", "*", "name the hosts one by one");
    refuse_with("T_PATH", "a\nb", "line break");
    refuse_with("T_QUOTA", "\x1b[31mred", "\"?[31mred\"");
}

static void test_long_values_are_shortened(void **state)
{
    char value[2000];

    (void)state;
    memset(value, '9', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    refuse_with("T_THREADS", value, "…");
    assert_true(strlen(why) < 250);
}

static void test_secret_is_never_said(void **state)
{
    struct settings settings;

    (void)state;
    setenv("T_KEY", "top\tsecret", 1);
    assert_int_equal(load(&settings), -EINVAL);
    assert_says("T_KEY");
    assert_null(strstr(why, "secret"));
}

static void test_file(void **state)
{
    struct settings settings;
    char path[] = "/tmp/lc-config-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    unsetenv("T_KEY");
    setenv("T_KEY_FILE", path, 1);

    write_file(path, "from file\n", 10);
    assert_int_equal(load(&settings), 0);
    assert_string_equal(settings.key, "from file");
    unload(&settings);

    write_file(path, "crlf\r\n", 6);
    assert_int_equal(load(&settings), 0);
    assert_string_equal(settings.key, "crlf");
    unload(&settings);

    write_file(path, "\n", 1);
    assert_int_equal(load(&settings), -EINVAL);
    assert_says("T_KEY_FILE");
    assert_says("is empty");

    write_file(path, "a\0b", 3);
    assert_int_equal(load(&settings), -EINVAL);
    assert_says("zero byte");

    write_file(path, "one\ntwo\n", 8);
    assert_int_equal(load(&settings), -EINVAL);
    assert_says("line break");

    assert_int_equal(truncate(path, 70000), 0);
    assert_int_equal(load(&settings), -EINVAL);
    assert_says("more than 65536 bytes");

    setenv("T_KEY", "x", 1);
    assert_int_equal(load(&settings), -EINVAL);
    assert_says("T_KEY and T_KEY_FILE are both set");
    unsetenv("T_KEY");

    unlink(path);
    assert_int_equal(load(&settings), -EINVAL);
    assert_says(path);
    assert_says("No such file or directory");

    setenv("T_KEY_FILE", "/tmp", 1);
    assert_int_equal(load(&settings), -EINVAL);
    assert_says("Is a directory");
}

static char *print_to_text(void (*print)(FILE *out, const struct settings *settings), const struct settings *settings)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    print(out, settings);
    fclose(out);
    return text;
}

static void print_settings(FILE *out, const struct settings *settings)
{
    config_print(rows, COUNT, settings, out);
}

static void print_manual(FILE *out, const struct settings *settings)
{
    (void)settings;
    config_help(rows, COUNT, out);
}

static void test_print(void **state)
{
    struct settings settings;
    char *text;

    (void)state;
    setenv("T_PATH", "/srv/it's \"$HOME\" `x` \\", 1);
    setenv("T_LEASE", "120s", 1);
    setenv("T_QUOTA", "1536K", 1);
    assert_int_equal(load(&settings), 0);
    text = print_to_text(print_settings, &settings);
    assert_string_equal(text,
                        "T_PATH=\"/srv/it's \\\"\\$HOME\\\" \\`x\\` \\\\\"\n# T_KEY=(set)\nT_HOSTS=\nT_THREADS=2\n"
                        "T_LEVEL=0\nT_QUOTA=1536K\nT_LEASE=2m\nT_STRICT=false\nT_FORMAT=text\n");
    free(text);
    unload(&settings);
}

/* What is printed, read back by a shell's rules, is the same configuration. */
static void test_print_is_taken_back(void **state)
{
    struct settings settings;
    char path[] = "/tmp/lc-config-XXXXXX";
    char command[128], answer[128] = "";
    int fd = mkstemp(path);
    FILE *file, *shell;

    (void)state;
    assert_true(fd >= 0);
    setenv("T_PATH", "/srv/it's \"$HOME\" `x` \\ \xc3\xa9", 1);
    assert_int_equal(load(&settings), 0);
    file = fdopen(fd, "w");
    config_print(rows, COUNT, &settings, file);
    fclose(file);
    snprintf(command, sizeof(command), "unset T_PATH; . %s; printf %%s \"$T_PATH\"", path);
    shell = popen(command, "r");
    assert_non_null(shell);
    assert_true(fread(answer, 1, sizeof(answer) - 1, shell) > 0);
    assert_int_equal(pclose(shell), 0);
    assert_string_equal(answer, settings.path);
    unlink(path);
    unload(&settings);
}

static void test_help(void **state)
{
    char *text = print_to_text(print_manual, NULL);

    (void)state;
    assert_non_null(strstr(text, "  T_PATH     text; default ./data\n             Where it lies.\n"));
    assert_non_null(strstr(text, "  T_KEY      text; required\n"));
    assert_non_null(strstr(text, "  T_HOSTS    text; default none\n"));
    assert_non_null(strstr(text, "  T_THREADS  number, at least 1, at most 64; default 2\n"));
    assert_non_null(strstr(text, "  T_QUOTA    size, at least 1K, at most 16T; default 50G\n"));
    assert_non_null(strstr(text, "  T_LEASE    duration, at least 1s, at most 1d; default 90s\n"));
    assert_non_null(strstr(text, "  T_FORMAT   one of text|json; default text\n"));
    assert_non_null(strstr(text, "NAME_FILE"));
    free(text);
}

static void test_help_wraps(void **state)
{
    static const struct config_row row = {
        "T_X",
        CONFIG_STRING,
        0,
        "",
        0,
        0,
        NULL,
        false,
        NULL,
        "A sentence that is rather longer than one line of a terminal, so that it has to be broken between two words, "
        "and again, because it simply does not come to an end before the second line is full as well."};
    char *text = NULL;
    size_t len;
    int lines = 0;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    config_help(&row, 1, out);
    fclose(out);
    assert_non_null(strstr(text, "T_X  text; default none\n"));
    for (char *line = strchr(text, '\n') + 1, *end; (end = strchr(line, '\n')) != line; line = end + 1, lines++) {
        assert_true(end - line <= 100);
        assert_int_equal(strspn(line, " "), 7);
    }
    assert_int_equal(lines, 3);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_fallbacks, setup),
        cmocka_unit_test_setup(test_nothing_counts_as_not_set, setup),
        cmocka_unit_test_setup(test_required, setup),
        cmocka_unit_test_setup(test_numbers, setup),
        cmocka_unit_test_setup(test_messages_say_what_to_give, setup),
        cmocka_unit_test_setup(test_long_values_are_shortened, setup),
        cmocka_unit_test_setup(test_secret_is_never_said, setup),
        cmocka_unit_test_setup(test_file, setup),
        cmocka_unit_test_setup(test_print, setup),
        cmocka_unit_test_setup(test_print_is_taken_back, setup),
        cmocka_unit_test_setup(test_help, setup),
        cmocka_unit_test_setup(test_help_wraps, setup),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
