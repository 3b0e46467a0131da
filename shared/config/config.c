/*
 * Fills a service's configuration from the environment and from the files its X_FILE variables name.
 * It only reads: what a value must look like is value.c, and nothing here logs or ends the process.
 */
#include "shared/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#define FILE_MAX      65536 /* bytes of a file an X_FILE variable names */
#define VARIABLE_SIZE 128   /* bytes of a variable's name with _FILE */

static const char *get_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* The whole of a small file, NUL-terminated, for the caller to free. 0 or -errno; -EFBIG over FILE_MAX. */
static int read_file(const char *path, char **out, size_t *length)
{
    char *text = NULL;
    size_t len = 0;
    ssize_t n = 1;
    int err = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    text = malloc(FILE_MAX + 1);
    if (!text)
        err = -ENOMEM;
    while (!err && n > 0 && len <= FILE_MAX) {
        n = read(fd, text + len, FILE_MAX + 1 - len);
        if (n > 0)
            len += (size_t)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            err = -errno;
    }
    if (!err && len > FILE_MAX)
        err = -EFBIG;
    close(fd);
    if (err) {
        free(text);
        return err;
    }
    text[len] = '\0';
    *out = text;
    *length = len;
    return 0;
}

/* The value a file holds, without its last line end. */
static int value_from_file(const char *variable, const char *path, char **out, char *why, size_t why_size)
{
    char *text = NULL;
    size_t len = 0;
    int err = read_file(path, &text, &len);

    if (err == -EFBIG) {
        snprintf(why, why_size, "%s: %s holds more than %d bytes; give a file with the value alone", variable, path,
                 FILE_MAX);
        return -EINVAL;
    }
    if (err) {
        snprintf(why, why_size, "%s: cannot read %s: %s; give a file this user may read", variable, path,
                 strerrordesc_np(-err));
        return -EINVAL;
    }
    if (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    if (len > 0 && text[len - 1] == '\r')
        text[--len] = '\0';
    if (len == 0 || strlen(text) != len) {
        snprintf(why, why_size, "%s: %s %s; give a file with the value alone", variable, path,
                 len == 0 ? "is empty" : "holds a zero byte");
        free(text);
        return -EINVAL;
    }
    *out = text;
    return 0;
}

/* The row's text from X, X_FILE or its fallback, for the caller to free. */
static int find_text(const struct config_row *row, char **out, char *why, size_t why_size)
{
    char file_variable[VARIABLE_SIZE];
    const char *value = get_set(row->name);
    const char *path;

    snprintf(file_variable, sizeof(file_variable), "%s_FILE", row->name);
    path = get_set(file_variable);
    if (value && path) {
        snprintf(why, why_size, "%s and %s are both set; give only one of them", row->name, file_variable);
        return -EINVAL;
    }
    if (path)
        return value_from_file(file_variable, path, out, why, why_size);
    if (!value)
        value = row->fallback;
    if (!value) {
        snprintf(why, why_size, "%s is not set and has no default; give %s or %s. %s", row->name, row->name,
                 file_variable, row->doc);
        return -EINVAL;
    }
    *out = strdup(value);
    if (*out)
        return 0;
    snprintf(why, why_size, "%s: out of memory", row->name);
    return -EINVAL;
}

static int load_row(const struct config_row *row, void *target, char *why, size_t why_size)
{
    void *member = (char *)target + row->offset;
    char *text = NULL;
    int64_t number = 0;
    int err = find_text(row, &text, why, why_size);

    if (!err)
        err = config_parse(row, text, &number, why, why_size);
    if (!err && row->type == CONFIG_STRING) {
        memcpy(member, &text, sizeof(text));
        return 0;
    }
    if (!err)
        memcpy(member, &number, sizeof(number));
    free(text);
    return err;
}

int config_load(const struct config_row *rows, size_t count, void *target, char *why, size_t why_size)
{
    for (size_t i = 0; i < count; i++) {
        if (load_row(&rows[i], target, why, why_size) != 0) {
            config_free(rows, count, target);
            return -EINVAL;
        }
    }
    return 0;
}

void config_free(const struct config_row *rows, size_t count, void *target)
{
    for (size_t i = 0; i < count; i++) {
        char **member = (char **)(void *)((char *)target + rows[i].offset);

        if (rows[i].type == CONFIG_STRING) {
            free(*member);
            *member = NULL;
        }
    }
}
