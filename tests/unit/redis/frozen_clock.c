/*
 * Preloaded into redis-server by the simulation of the attempt rules: the time of day is what a shared file says, so
 * that leases lapse without waiting and a schedule replays to the microsecond. The monotonic clock stays real.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *now_us;

__attribute__((constructor)) static void open_clock(void)
{
    const char *path = getenv("LC_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*now_us), PROT_READ, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED)
        now_us = map;
    if (fd >= 0)
        close(fd);
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    (void)zone;
    if (now_us == NULL)
        return (int)syscall(SYS_gettimeofday, tv, NULL);
    *tv = (struct timeval){.tv_sec = *now_us / 1000000, .tv_usec = *now_us % 1000000};
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    if (clock != CLOCK_REALTIME || now_us == NULL)
        return (int)syscall(SYS_clock_gettime, clock, ts);
    *ts = (struct timespec){.tv_sec = *now_us / 1000000, .tv_nsec = *now_us % 1000000 * 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timeval tv;
    gettimeofday(&tv, NULL);
    if (out != NULL)
        *out = tv.tv_sec;
    return tv.tv_sec;
}
