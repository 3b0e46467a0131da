/* A file system's words as errors; see disk.h. */
#include "shared/disk/disk.h"

#include <errno.h>
#include <sys/statvfs.h>

#define LEAST_BYTES ((fsblkcnt_t)64 * 1024) /* a full one may still have some blocks that nobody gets */

int disk_state(const struct statvfs *fs)
{
    if (fs->f_flag & ST_RDONLY)
        return -EROFS;
    return fs->f_bavail * fs->f_frsize < LEAST_BYTES ? -ENOSPC : 0;
}
