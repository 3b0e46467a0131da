/*
 * Preloaded into the gateway by tests/faults: writes to files take a third of what they are given, at most 7,919 bytes,
 * as POSIX allows and as a disk that fills up or a signal does.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 7919

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at);

static size_t part_of(size_t len)
{
    size_t part = len < 3 ? len : len / 3;
    return part < MOST ? part : MOST;
}

static ssize_t write_part(const char *name, int fd, const void *data, size_t len, off64_t at)
{
    ssize_t (*real)(int, const void *, size_t, off64_t);
    void *symbol = dlsym(RTLD_NEXT, name);

    memcpy(&real, &symbol, sizeof(real));
    return real(fd, data, part_of(len), at);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    return write_part("pwrite", fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    return write_part("pwrite64", fd, data, len, at);
}

/* Not the log's lines, nor what wakes a loop. */
ssize_t write(int fd, const void *data, size_t len)
{
    ssize_t (*real)(int, const void *, size_t);
    void *symbol = dlsym(RTLD_NEXT, "write");
    struct stat st;
    bool is_file = fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

    memcpy(&real, &symbol, sizeof(real));
    return real(fd, data, is_file ? part_of(len) : len);
}
