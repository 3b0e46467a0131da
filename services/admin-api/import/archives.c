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

static int adopt(struct import *i, const struct db_rows *r, int64_t ticket_id)
{
    char id[STORAGE_ID_SIZE];
    const char *file = db_text(r, OLD_FILE);
    struct storage_adopted got;

    make_id(r, ticket_id, id);
    const struct storage_adoption what = {.path = file,
                                          .upload_id = id,
                                          .name = base_name(file),
                                          .ticket_id = ticket_id,
                                          .number = db_int(r, OLD_NUMBER),
                                          .time_us = import_time(db_text(r, OLD_CREATED))};
    int err = storage_adopt(i->admin->storage, i->ours, i->media, &what, &got);
    if (err == 1) {
        import_known(i);
    } else if (err == 0) {
        import_taken(i);
        compare(i, r, got.size, got.md5);
    } else if (err == -ENOENT || err == -ELOOP || err == -EXDEV || err == -EINVAL) {
        import_failed(i, "archive %s: %s in --media", file, err == -ENOENT ? "no such file" : "not a plain file");
    } else {
        return err;
    }
    return 0;
}

/* Nothing is read: of what has changed only another size is noticed. */
static void would_take(struct import *i, const struct db_rows *r, int64_t size)
{
    import_taken(i);
    if (size != db_int(r, OLD_SIZE))
        import_changed(i, "%s has %" PRId64 " bytes, 0.1.0 recorded %" PRId64, db_text(r, OLD_FILE), size,
                       db_int(r, OLD_SIZE));
}

/* `ticket_id` 0: its ticket is yet to come. */
static int try_only(struct import *i, const struct db_rows *r, int64_t ticket_id)
{
    char id[STORAGE_ID_SIZE];
    struct stat st;
    const char *file = db_text(r, OLD_FILE);

    make_id(r, ticket_id, id);
    int known = ticket_id == 0 ? 0 : db_one(i->ours, NULL, NULL, import_statement(UPLOAD_FIND), id);
    if (known < 0)
        return known;
    if (known == 1)
        import_known(i);
    else if (fstatat(i->media, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
        import_failed(i, "archive %s: %s in --media", file, errno == ENOENT ? "no such file" : strerror(errno));
    else if (!S_ISREG(st.st_mode))
        import_failed(i, "archive %s: not a plain file in --media", file);
    else
        would_take(i, r, st.st_size);
    return 0;
}

static int each(struct import *i, const struct db_rows *row)
{
    struct ticket ticket = {.id = 0};
    int found = find_ticket(i, row, &ticket);

    if (found < 0)
        return found;
    if (i->dry_run && (ticket.id > 0 || (found == 0 && ticket.hash[0] != '\0')))
        return try_only(i, row, ticket.id);
    if (ticket.id > 0)
        return adopt(i, row, ticket.id);
    import_failed(i, "archive %s: its ticket %" PRId64 " %s", db_text(row, OLD_FILE), db_int(row, OLD_NUMBER),
                  i->dry_run ? "would not be taken" : "was not taken");
    return 0;
}

int import_archives(struct import *i)
{
    return import_each(i, import_statement(OLD_ARCHIVES), each);
}
