/* The place of an sqlite database: its file, what is checked about it, and who serves from it. */
#ifndef LC_SHARED_DB_SQLITE_H
#define LC_SHARED_DB_SQLITE_H

#include <pthread.h>

#include "shared/db/driver.h"

struct db_place {
    char *path;
    int lock_fd; /* of <path>.lock while this process serves; -1: not exclusive */
    unsigned timeout_ms;
    bool read_only;
    /* This process's writers queue here instead of polling sqlite's lock. */
    pthread_mutex_t writing;
    pthread_cond_t written;
    bool has_writer;
    pthread_mutex_t watching;
    struct db_link *watcher; /* never writes, so that its data_version counts the commits of everybody */
    struct db_prepared *version;
    struct db_fault watcher_fault;
};

int sqlite_place_open(const char *url, const struct db_options *options, struct db_place **out, char *why,
                      size_t why_size);
void sqlite_place_close(struct db_place *p);
int64_t sqlite_place_size(const struct db_place *p); /* bytes of the file */
/* What its file system says of itself: 0, -ENOSPC or -EROFS. */
int sqlite_place_disk(const struct db_place *p);
/* Has it no block left? sqlite does not say so of its shared memory. */
bool sqlite_place_is_full(const struct db_place *p);

/* The name of a file system on which sqlite's locks and shared memory cannot be relied on, by statfs's f_type; or NULL.
 */
const char *sqlite_network_file_system(unsigned long type);

#endif
