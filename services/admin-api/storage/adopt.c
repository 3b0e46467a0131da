/*
 * Files of another server's archive directory, copied into archives/ with a manifest of ours. The originals stay as
 * they are; nothing outside the directory given is opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "shared/clock/clock.h"
#include "shared/digest/digest.h"

#define COPY_BUFFER (256 * 1024)

struct copy {
    int from, to;
    char *buffer;
    struct digest sha256;
    EVP_MD_CTX *md5;
    int64_t size;
};

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return -errno;
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* 1 a piece, 0 the end, or negative. */
static int copy_piece(struct copy *c)
{
    ssize_t n = read(c->from, c->buffer, COPY_BUFFER);
    if (n < 0)
        return errno == EINTR ? 1 : -errno;
    if (n == 0)
        return 0;
    digest_update(&c->sha256, c->buffer, (size_t)n);
    if (EVP_DigestUpdate(c->md5, c->buffer, (size_t)n) != 1)
        return -ENOMEM;
    c->size += n;
    int err = write_all(c->to, c->buffer, (size_t)n);
    return err < 0 ? err : 1;
}

static int copy_bytes(struct copy *c)
{
    int more;

    c->buffer = malloc(COPY_BUFFER);
    c->md5 = EVP_MD_CTX_new();
    digest_init(&c->sha256);
    if (c->buffer == NULL || c->md5 == NULL || EVP_DigestInit_ex(c->md5, EVP_md5(), NULL) != 1)
        return -ENOMEM;
    while ((more = copy_piece(c)) == 1)
        ;
    return more < 0 || fsync(c->to) == 0 ? more : -errno;
}

static int finish_copy(struct copy *c, struct storage_adopted *out, struct record_manifest *m)
{
    unsigned char md5[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_DigestFinal_ex(c->md5, md5, &len) != 1)
        return -ENOMEM;
    digest_hex(md5, len, out->md5);
    digest_final(&c->sha256, m->sha256.data);
    m->sha256.len = DIGEST_SIZE;
    digest_hex(m->sha256.data, DIGEST_SIZE, out->sha256);
    m->size = out->size = c->size;
    return 0;
}

struct row {
    const struct storage *storage;
    const struct record_manifest *manifest;
};

/* Ledger and archive together; an attempt is not taken: it was, over there. */
static int record(struct db_conn *c, void *arg)
{
    const struct row *row = arg;
    const struct record_manifest *m = row->manifest;
    int64_t fresh = db_exec(c, storage_statement(LEDGER_ADD), m->upload_id, m->ticket_id, clock_now_us());

    return fresh <= 0 ? (int)fresh : filing_add_archive(row->storage, c, m);
}

/* Into a directory that is new: data, then its manifest, all of it durable. */
static int fill(struct copy *c, int dir, struct record_manifest *m, struct storage_adopted *out)
{
    void *bytes = NULL;
    size_t len = 0;

    c->to = openat(dir, "data", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    int err = c->to < 0 ? -errno : copy_bytes(c);
    if (err == 0)
        err = finish_copy(c, out, m);
    if (err == 0)
        err = record_manifest_encode(m, &bytes, &len);
    if (err == 0)
        err = store_write_file(dir, "manifest", bytes, len);
    free(bytes);
    return err == 0 && fsync(dir) < 0 ? -errno : err;
}

static int make_directory(int shelf, const char *id)
{
    if (mkdirat(shelf, id, 0750) < 0)
        return -errno;
    int dir = openat(shelf, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return dir < 0 ? -errno : dir;
}

static int copy_in(struct storage *s, struct copy *c, struct record_manifest *m, struct storage_adopted *out)
{
    int err = store_remove(s, m->upload_id); /* half of it, from a run that was cut off */
    int shelf = err < 0 ? err : store_open_shelf(s, m->upload_id);
    int dir = shelf < 0 ? shelf : make_directory(shelf, m->upload_id);

    err = dir < 0 ? dir : fill(c, dir, m, out);
    if (err == 0 && fsync(shelf) < 0)
        err = -errno;
    if (dir >= 0)
        close(dir);
    if (shelf >= 0)
        close(shelf);
    return err;
}

static int adopt(struct storage *s, struct db_conn *c, struct copy *copy, const struct storage_adoption *what,
                 struct storage_adopted *out)
{
    struct record_manifest m = {.version = 1,
                                .ticket_id = what->ticket_id,
                                .number = what->number,
                                .started_us = what->time_us,
                                .finished_us = what->time_us};
    struct row row = {.storage = s, .manifest = &m};

    snprintf(m.upload_id, sizeof(m.upload_id), "%s", what->upload_id);
    snprintf(m.name, sizeof(m.name), "%s", what->name);
    snprintf(m.method, sizeof(m.method), STORAGE_METHOD_API);
    int err = copy_in(s, copy, &m, out);
    if (err == 0)
        err = db_transaction(c, record, &row);
    if (err < 0)
        (void)store_remove(s, what->upload_id);
    return err;
}

int storage_adopt(struct storage *s, struct db_conn *db, int directory, const struct storage_adoption *what,
                  struct storage_adopted *out)
{
    struct copy c = {.to = -1};
    struct stat st;
    int known = db_one(db, NULL, NULL, storage_statement(LEDGER_HAS), what->upload_id);

    if (known != 0)
        return known;

    c.from = storage_open_beneath(directory, what->path, O_RDONLY | O_NONBLOCK);
    if (c.from < 0)
        return c.from;
    int err = fstat(c.from, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? adopt(s, db, &c, what, out) : -EINVAL;
    close(c.from);
    if (c.to >= 0)
        close(c.to);
    EVP_MD_CTX_free(c.md5);
    free(c.buffer);
    return err;
}
