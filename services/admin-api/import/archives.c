/*
 * Archives of 0.1.0 with their files. The id is made from the old row and the ticket it goes to, so that a second run
 * knows the first one's work, also when the archive was deleted here since.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/admin-api/import/import.h"
#include "services/admin-api/import/statements.h"
#include "services/admin-api/storage/storage.h"
#include "shared/digest/digest.h"
#include "shared/http/token.h"

enum { OLD_ID, OLD_FILE, OLD_SIZE, OLD_MD5, OLD_NUMBER, OLD_CREATED, OLD_TOKEN };

static void make_id(const struct db_rows *r, int64_t ticket_id, char out[STORAGE_ID_SIZE])
{
    unsigned char sum[DIGEST_SIZE];
    char text[512], hex[DIGEST_HEX_SIZE];
    struct digest d;

    int len = snprintf(text, sizeof(text), "logs-collector-0.1.0/ticket/%" PRId64 "/archive/%" PRId64 "/%s/%s",
                       ticket_id, db_int(r, OLD_ID), db_text(r, OLD_FILE), db_text(r, OLD_CREATED));
    digest_init(&d);
    digest_update(&d, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
    digest_final(&d, sum);
    digest_hex(sum, DIGEST_SIZE, hex);
    snprintf(out, STORAGE_ID_SIZE, "%.*s", STORAGE_ID_SIZE - 1, hex);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

struct ticket {
    char token[TOKEN_SIZE], hash[TOKEN_HASH_SIZE]; /* of the old row */
    int64_t id;                                    /* here; 0: the ticket of that number is another one */
};

static int compare_ticket(const struct db_rows *r, void *arg)
{
    struct ticket *t = arg;
    t->id = strcmp(db_text(r, 1), t->hash) == 0 ? db_int(r, 0) : 0;
    return 0;
}

/* Where the archive goes: the ticket with the same token, nothing less. */
static int find_ticket(struct import *i, const struct db_rows *row, struct ticket *t)
{
    const char *text = db_text(row, OLD_TOKEN);

    if (token_canonical((struct span){text, strlen(text)}, t->token) < 0 || token_hash(t->token, t->hash) < 0)
        return 0;
    return IMPORT_FIND(i, compare_ticket, t, import_statement(TICKET_FIND), db_int(row, OLD_NUMBER));
}

/* It is taken all the same: what 0.1.0 has now is all there is. */
static void compare(struct import *i, const struct db_rows *r, int64_t size, const char *md5)
{
    if (size != db_int(r, OLD_SIZE) || strcmp(md5, db_text(r, OLD_MD5)) != 0)
        import_changed(i, "%s has %" PRId64 " bytes and MD5 %s, 0.1.0 recorded %" PRId64 " and %s",
                       db_text(r, OLD_FILE), size, md5, db_int(r, OLD_SIZE), db_text(r, OLD_MD5));
}

static const char *in_media(int err)
{
    switch (err) {
    case -ENOENT:
        return "no such file in --media";
    case -EXDEV:
        return "it lies outside of --media";
    case -ELOOP:
    case -EINVAL:
        return "not a plain file in --media";
    default:
        return strerror(-err);
    }
}

/* 0, or negative with the row counted as not taken. */
static int look_at(struct import *i, const char *file, int64_t *size)
{
    struct stat st;
    int fd = storage_open_beneath(i->media, file, O_RDONLY | O_NONBLOCK); /* as storage_adopt does */
    int err = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;

    if (fd >= 0)
        close(fd);
    if (err < 0)
        import_failed(i, "archive %s: %s", file, in_media(err));
    else
        *size = st.st_size;
    return err;
}

static int adopt(struct import *i, const struct db_rows *r, const char *id, int64_t ticket_id)
{
    const char *file = db_text(r, OLD_FILE);
    struct storage_adopted got;
    const struct storage_adoption what = {.path = file,
                                          .upload_id = id,
                                          .name = base_name(file),
                                          .ticket_id = ticket_id,
                                          .number = db_int(r, OLD_NUMBER),
                                          .time_us = import_time(db_text(r, OLD_CREATED))};
    int err = storage_adopt(i->admin->storage, i->ours, i->media, &what, &got);

    if (err == 1) { /* by another run, a moment ago */
        import_known(i);
    } else if (err == 0) {
        import_taken(i);
        compare(i, r, got.size, got.md5);
    }
    return err < 0 ? err : 0;
}

static void compare_size(struct import *i, const struct db_rows *r, int64_t size)
{
    if (size != db_int(r, OLD_SIZE))
        import_changed(i, "%s has %" PRId64 " bytes, 0.1.0 recorded %" PRId64, db_text(r, OLD_FILE), size,
                       db_int(r, OLD_SIZE));
}

static int read_size(const struct db_rows *r, void *arg)
{
    *(int64_t *)arg = db_is_null(r, 0) ? -1 : db_int(r, 0);
    return 0;
}

/* Only the run itself reads: of what has changed a dry run and a repeated one notice another size. `ticket_id` 0: its
 * ticket is yet to come. */
static int take(struct import *i, const struct db_rows *r, int64_t ticket_id)
{
    char id[STORAGE_ID_SIZE];
    int64_t size;

    make_id(r, ticket_id, id);
    int known = ticket_id == 0 ? 0 : db_one(i->ours, read_size, &size, import_statement(UPLOAD_FIND), id);
    if (known < 0)
        return known;
    if (known == 1) {
        import_known(i);
        if (size >= 0) /* not deleted here since */
            compare_size(i, r, size);
        return 0;
    }
    if (look_at(i, db_text(r, OLD_FILE), &size) < 0)
        return 0;
    if (!i->dry_run)
        return adopt(i, r, id, ticket_id);
    import_taken(i);
    compare_size(i, r, size);
    return 0;
}

static int each(struct import *i, const struct db_rows *row)
{
    struct ticket ticket = {.id = 0};
    int64_t number = db_int(row, OLD_NUMBER);

    if (db_is_null(row, OLD_TOKEN)) {
        import_failed(i, "archive %s: its ticket %" PRId64 " is gone from the old database", db_text(row, OLD_FILE),
                      number);
        return 0;
    }
    int found = find_ticket(i, row, &ticket);
    if (found < 0)
        return found;
    bool comes = i->dry_run && found == 0 && !import_is_refused(i, number);
    if (ticket.id > 0 || comes)
        return take(i, row, ticket.id);
    import_failed(i, "archive %s: its ticket %" PRId64 " %s", db_text(row, OLD_FILE), number,
                  i->dry_run ? "would not be taken" : "was not taken");
    return 0;
}

int import_archives(struct import *i)
{
    return import_each(i, import_statement(OLD_ARCHIVES), each);
}
