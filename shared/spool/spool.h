/*
 * The spool as the gateway uses it: a maildir for archives. Layout under DATA_DIR:
 *   spool/tmp/<upload_id>/{data,manifest}   being received; resumable ones with their state, others with a draft
 *                                           at the end
 *   spool/new/<upload_id>/{data,manifest}   finished and durable, waiting to be filed by admin-api
 *   spool/trash, spool/orphans              admin-api's
 *   archives/<id[:2]>/<id>/{data,manifest}  admin-api's, 0700
 * Spool directories are 2770, files 0640. Every function returns 0 or -errno and may be called from any thread.
 */
#ifndef LC_SHARED_SPOOL_SPOOL_H
#define LC_SHARED_SPOOL_SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SPOOL_ID_SIZE 33 /* 32 lowercase hex digits and NUL */

struct spool;

/* Opens DATA_DIR/spool and makes its four directories, durably, where they are missing. -ENOENT: no DATA_DIR. */
int spool_open(const char *data_dir, struct spool **out) __attribute__((warn_unused_result));
/* One line for people that names the variable: why `data_dir` could not be opened or written, by that error, and what
 * to do about it. */
void spool_explain(const char *data_dir, int err, char *why, size_t why_size);
void spool_close(struct spool *s);
int spool_tmp_fd(const struct spool *s);
int spool_new_fd(const struct spool *s);
int spool_trash_fd(const struct spool *s);
int spool_orphans_fd(const struct spool *s);

int spool_make_id(char out[SPOOL_ID_SIZE]) __attribute__((warn_unused_result)); /* 128 random bits; not after fork */
int spool_id_is_valid(const char *id);                                          /* 1 or 0 */

/* Makes tmp/<id>/data, empty, and opens it for writing: the descriptor. From before its first byte until it and its
 * duplicates are closed, at the latest by the end of the process, it is locked (flock(2)). */
int spool_create(struct spool *s, const char *id) __attribute__((warn_unused_result));
/* Is it still open where it was made? 1, 0, -ENOENT, or an error: a file system without locks. A network file system's
 * locks may end at the machine (local_lock). */
int spool_has_writer(const struct spool *s, const char *id) __attribute__((warn_unused_result));
/* Writes the manifest, fsyncs it and the directory, renames tmp/<id> to new/<id>, fsyncs both parents. The data must be
 * fsynced before. After 0 the upload survives anything; after an error nothing of it may be acknowledged. */
int spool_publish(struct spool *s, const char *id, const void *manifest, size_t len)
    __attribute__((warn_unused_result));
/* What the manifest will say, written before the commit (not synced: it is for a process that is killed, not for a
 * power cut): an upload that was committed and not published can be published by another. Gone with spool_publish. */
int spool_draft_write(struct spool *s, const char *id, const void *bytes, size_t len)
    __attribute__((warn_unused_result));
/* The draft, or the manifest that has taken its place. */
ssize_t spool_draft_read(struct spool *s, const char *id, void *buffer, size_t size)
    __attribute__((warn_unused_result));
/* Calls `each` with the id of every tmp/<id>, until it returns another value than 0: that, 0 or -errno. */
int spool_each(struct spool *s, int (*each)(void *arg, const char *id), void *arg) __attribute__((warn_unused_result));
/* Does new/<id> exist? 1, 0 or -errno. */
int spool_is_published(const struct spool *s, const char *id) __attribute__((warn_unused_result));
/* Removes tmp/<id>; what is not there is no error. */
int spool_discard(struct spool *s, const char *id);

/* --- resumable uploads: tmp/<id>/state tells how much of data counts --- */

/* Reads the state record: its length, -ENOENT: no such upload, -EMSGSIZE. */
ssize_t spool_state_read(struct spool *s, const char *id, void *buffer, size_t size)
    __attribute__((warn_unused_result));
/* Replaces it, durably: written beside under a name with the fence, renamed when `still_ours` says so (after all that
 * may take long); -ESTALE: it does not, or a holder with a higher fence has swept our file away. `data`, the file of
 * which it tells, is synced before the rename, so that one commit of the disk's journal serves both; -1: nothing new.
 */
int spool_state_write(struct spool *s, const char *id, int64_t fence, const void *bytes, size_t len, int data,
                      int (*still_ours)(void *arg), void *arg) __attribute__((warn_unused_result));
/* Before the state is read by one who took over without asking: no earlier holder can replace it from here on. */
int spool_state_seize(struct spool *s, const char *id) __attribute__((warn_unused_result));
/* After spool_create and the first state: makes the directory itself durable. */
int spool_created(struct spool *s) __attribute__((warn_unused_result));
/* tmp/<id>/data, which is there, for reading and writing: the descriptor. */
int spool_reopen(struct spool *s, const char *id) __attribute__((warn_unused_result));
/* A published upload has no state any more. */
void spool_state_remove(struct spool *s, const char *id);

struct statvfs;
/* As disk_state(), and -ENOSPC when there is no inode for another file. */
int spool_fs_state(const struct statvfs *fs);
/* Bytes a new upload may still take: free for the service's user minus `reserve`; negative, or no more files: none.
 * -EROFS: mounted to be read only. */
int spool_room(struct spool *s, int64_t reserve, int64_t *out) __attribute__((warn_unused_result));

#endif
