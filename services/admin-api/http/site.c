/* Reading the directory of pages into memory; see site.h. */
#include "services/admin-api/http/site.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_FILES  1000
#define MOST_BYTES  (32u * 1024 * 1024)
#define MOST_LEVELS 8

struct site {
    struct site_file *files; /* sorted by path once read */
    size_t count;
    size_t bytes;
};

static const char *const codings[SITE_CODINGS] = {[SITE_BR] = "br", [SITE_GZIP] = "gzip"};
static const char *const suffixes[SITE_CODINGS] = {[SITE_BR] = ".br", [SITE_GZIP] = ".gz"};

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
};

const char *site_coding_name(enum site_coding coding)
{
    return codings[coding];
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static const char *type_of(const char *path)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); ++i)
        if (ends_with(path, types[i].suffix))
            return types[i].type;
    return "application/octet-stream";
}

/* --- reading --- */

static int read_all(int fd, char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = read(fd, bytes + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO; /* it shrank while it was read */
        at += (size_t)n;
    }
    return 0;
}

/* Takes over the path. */
static int add_file(struct site *s, int fd, size_t size, char *path)
{
    struct site_file *file = s->files + s->count;
    struct site_form *plain = file->forms + SITE_PLAIN;

    if (s->count == MOST_FILES || size > MOST_BYTES - s->bytes) {
        free(path);
        return -E2BIG;
    }
    *file = (struct site_file){.path = path, .type = type_of(path)};
    ++s->count;
    s->bytes += size;
    plain->bytes = malloc(size + 1);
    plain->len = size;
    if (plain->bytes == NULL)
        return -ENOMEM;
    int err = read_all(fd, plain->bytes, size);
    if (err == 0)
        etag_of(plain->bytes, size, plain->etag);
    return err;
}

static int read_directory(struct site *s, int fd, const char *prefix, int level);

static int read_entry(struct site *s, int directory, const char *prefix, const char *name, int level)
{
    struct stat st;
    char *path;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return errno == ELOOP || errno == ENXIO ? 0 : -errno; /* a link, a socket */
    if (fstat(fd, &st) < 0 || asprintf(&path, "%s%s%s", prefix, name, S_ISDIR(st.st_mode) ? "/" : "") < 0) {
        close(fd);
        return -ENOMEM;
    }
    if (S_ISDIR(st.st_mode)) {
        int err = read_directory(s, fd, path, level + 1); /* closes it */
        free(path);
        return err;
    }
    int err = 0;
    if (S_ISREG(st.st_mode))
        err = add_file(s, fd, (size_t)st.st_size, path);
    else
        free(path);
    close(fd);
    return err;
}

/* Closes fd. */
static int read_directory(struct site *s, int fd, const char *prefix, int level)
{
    DIR *dir = level > MOST_LEVELS ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int err = 0;

    if (dir == NULL) {
        err = level > MOST_LEVELS ? -E2BIG : -errno;
        close(fd);
        return err;
    }
    while (err == 0 && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            err = read_entry(s, fd, prefix, entry->d_name, level);
    closedir(dir);
    return err;
}

/* --- the table --- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct site_file *)a)->path, ((const struct site_file *)b)->path);
}

static struct site_file *find(const struct site *s, const char *path)
{
    union {
        const char *in;
        char *out;
    } name = {.in = path};
    const struct site_file key = {.path = name.out};
    return bsearch(&key, s->files, s->count, sizeof(s->files[0]), by_path);
}

/* Gives a compressed file to the one it is a form of. */
static int attach_form(const struct site *s, struct site_file *file)
{
    for (int coding = 0; coding < SITE_PLAIN; ++coding) {
        if (!ends_with(file->path, suffixes[coding]))
            continue;
        char *name = strndup(file->path, strlen(file->path) - strlen(suffixes[coding]));
        struct site_file *whole = name == NULL ? NULL : find(s, name);
        free(name);
        if (name == NULL)
            return -ENOMEM;
        if (whole == NULL)
            continue;
        whole->forms[coding] = file->forms[SITE_PLAIN];
        file->forms[SITE_PLAIN].bytes = NULL;
    }
    return 0;
}

const struct site_file *site_find(const struct site *s, const char *path)
{
    const struct site_file *file = s == NULL ? NULL : find(s, path);
    return file == NULL || file->forms[SITE_PLAIN].bytes == NULL ? NULL : file;
}

int site_open(const char *root, struct site **out, char *why, size_t why_size)
{
    struct site *s = calloc(1, sizeof(*s));
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = fd < 0 ? -errno : 0;

    if (s != NULL)
        s->files = calloc(MOST_FILES, sizeof(s->files[0]));
    if (err == 0 && (s == NULL || s->files == NULL)) {
        close(fd);
        err = -ENOMEM;
    }
    if (err == 0)
        err = read_directory(s, fd, "", 1);
    if (err == 0)
        qsort(s->files, s->count, sizeof(s->files[0]), by_path);
    for (size_t i = 0; err == 0 && i < s->count; ++i)
        err = attach_form(s, s->files + i);
    if (err < 0) {
        snprintf(why, why_size, "%.300s cannot be read: %s", root,
                 err == -E2BIG ? "more than 1000 files, 8 levels or 32 MiB" : strerror(-err));
        site_free(s);
        return err;
    }
    *out = s;
    return 0;
}

void site_free(struct site *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; s->files != NULL && i < s->count; ++i) {
        free(s->files[i].path);
        for (int coding = 0; coding < SITE_CODINGS; ++coding)
            free(s->files[i].forms[coding].bytes);
    }
    free(s->files);
    free(s);
}
