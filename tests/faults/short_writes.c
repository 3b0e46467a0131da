/*
 * Preloaded into the gateway by tests/faults: pwrite takes a third of what it is given, at most 7,919 bytes, as POSIX
 * allows and as a disk that fills up or a signal does.
 */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#define MOST 7919

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at);

static ssize_t write_part(const char *name, int fd, const void *data, size_t len, off64_t at)
{
    ssize_t (*real)(int, const void *, size_t, off64_t);
    void *symbol = dlsym(RTLD_NEXT, name);
    size_t part = len < 3 ? len : len / 3;

    memcpy(&real, &symbol, sizeof(real));
    return real(fd, data, part < MOST ? part : MOST, at);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    return write_part("pwrite", fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    return write_part("pwrite64", fd, data, len, at);
}
