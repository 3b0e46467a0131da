/* What a file system says of itself, for those who write to it. Any thread. */
#ifndef LC_SHARED_DISK_DISK_H
#define LC_SHARED_DISK_DISK_H

struct statvfs;

/* 0; -EROFS: mounted to be read only; -ENOSPC: no room for a file that is worth its name. */
int disk_state(const struct statvfs *fs);

#endif
