/* What the files of this folder share. */
#ifndef LC_SHARED_SPOOL_INTERNAL_H
#define LC_SHARED_SPOOL_INTERNAL_H

#include "shared/spool/spool.h"

#define SPOOL_DRAFT "draft"

/* tmp/<id>: the descriptor or -errno. */
int spool_open_upload(const struct spool *s, const char *id);
/* Reads a file of tmp/<id>: its length, -ENOENT, -EMSGSIZE when it does not fit. */
ssize_t spool_read_file(const struct spool *s, const char *id, const char *name, void *buffer, size_t size);
/* Makes or replaces a file of an upload, fsynced: 0 or -errno. */
int spool_write_file(int dir, const char *name, const void *bytes, size_t len);
/* The same in two halves: what may come between is synced along with it. The descriptor or -errno; fsyncs and closes.
 */
int spool_begin_file(int dir, const char *name, const void *bytes, size_t len);
int spool_end_file(int fd);

#endif
