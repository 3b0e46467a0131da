/*
 * Downloads of archives: whole, conditional or one range (RFC 9110 13, 14). Pieces are read by workers, so that a slow
 * disk stalls no event loop; each download holds one descriptor and one piece.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/admin-api/http/etag.h"
#include "services/admin-api/http/handlers.h"
#include "services/admin-api/http/pages.h"
#include "services/admin-api/http/ranges.h"
#include "services/admin-api/http/trail.h"
#include "services/admin-api/metrics.h"
#include "services/admin-api/resources/decode.h"
#include "services/admin-api/resources/statements.h"
#include "services/admin-api/storage/storage.h"
#include "shared/http/disposition.h"
#include "shared/log/log.h"
#include "shared/loop/server.h"

#define PIECE (128 * 1024)

struct file_source {
    struct server_source source;
    int fd;
    int64_t offset, left;
    char piece[PIECE];
};

static int file_produce(struct server_source *source, const char **data, size_t *len)
{
    struct file_source *f = (struct file_source *)source;
    size_t want = f->left < PIECE ? (size_t)f->left : PIECE;
    ssize_t n;

    *data = f->piece;
    if (want == 0)
        return 0;
    do
        n = pread(f->fd, f->piece, want, f->offset);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EIO; /* shorter than it was: cut the answer, do not pretend */
    *len = (size_t)n;
    f->offset += n;
    f->left -= n;
    return f->left > 0;
}

static void file_free(struct server_source *source)
{
    struct file_source *f = (struct file_source *)source;
    close(f->fd);
    free(f);
}

struct wanted { /* the archive that the path names */
    char upload_id[STORAGE_ID_SIZE], tag[ETAG_SIZE];
    int64_t size;
    bool is_infected;
};

static int read_wanted(const struct db_rows *row, void *arg)
{
    struct wanted *w = arg;
    snprintf(w->upload_id, sizeof(w->upload_id), "%s", db_text(row, 0));
    snprintf(w->tag, sizeof(w->tag), "\"%.64s\"", db_text(row, 1));
    w->size = db_int(row, 2);
    w->is_infected = strcmp(db_text(row, 3), "infected") == 0;
    return 0;
}

static int read_id(const struct db_rows *row, void *arg)
{
    *(int64_t *)arg = db_int(row, 0);
    return 0;
}

/* 1, 0: none such, negative. An upload still in the spool is filed first. */
static int find(struct exchange *x, struct db_conn *c, struct wanted *out)
{
    int64_t number, ticket_id;

    if (integer_parse_path(x->params[0], &number) < 0)
        return 0;
    int found = db_one(c, read_wanted, out, resource_statement(ARCHIVE_BY_NAME), number, x->params[1]);
    if (found != 0)
        return found;
    found = db_one(c, read_id, &ticket_id, resource_statement(TICKET_BY_NUMBER), number);
    if (found < 0)
        return found;
    if (found == 1)
        storage_file_ticket(x->admin->storage, c, ticket_id);
    return db_one(c, read_wanted, out, resource_statement(ARCHIVE_BY_NAME), number, x->params[1]);
}

static int add_headers(struct exchange *x, const struct wanted *w)
{
    char disposition[2048];
    const char *const rows[][2] = {
        {"ETag", w->tag},
        {"Accept-Ranges", "bytes"},
        {"Content-Security-Policy", "sandbox"},
        {"Cache-Control", "private, no-cache"},
        {"Content-Disposition", disposition},
    };
    int err = disposition_attachment(x->params[1], disposition, sizeof(disposition)) < 0 ? -EINVAL : 0;
    for (size_t i = 0; err == 0 && i < sizeof(rows) / sizeof(rows[0]); ++i)
        err = answer_header(x, rows[i][0], rows[i][1]);
    return err;
}

/* What of the file: the range asked for if it holds, else all of it. 206, 200 or 416. */
static int choose(const struct exchange *x, const struct wanted *w, struct byte_range *out)
{
    const struct span *range = exchange_header(x, "range"), *condition = exchange_header(x, "if-range");

    *out = (struct byte_range){.first = 0, .length = w->size};
    if (range == NULL || x->method != METHOD_GET)
        return 200;
    if (condition != NULL && !span_equals(*condition, w->tag)) /* dates too: strong tags alone are sure */
        return 200;
    switch (range_parse(*range, w->size, out)) {
    case 1:
        return 206;
    case 0:
        return 200;
    default:
        return 416;
    }
}

/* The descriptor; -ENOENT: there is no file, or not the one that was filed; negative. */
static int open_file(const struct exchange *x, const struct wanted *w)
{
    int64_t size = 0;
    int fd = storage_open_archive(x->admin->storage, w->upload_id, &size);

    if (fd >= 0 && size != w->size) {
        close(fd);
        fd = -ENOENT;
    }
    if (fd == -ENOENT || fd == -EBADMSG) {
        fd = -ENOENT;
        ADMIN_COUNT(ARCHIVES_LOST);
        log_error("archive.lost", LOG_S("upload", w->upload_id), LOG_I("size", w->size), LOG_I("found", size));
    }
    return fd;
}

static int send_file(struct exchange *x, int fd, int status, const struct byte_range *range)
{
    struct file_source *f = malloc(sizeof(*f));

    if (f == NULL) {
        close(fd);
        return -ENOMEM;
    }
    f->source = (struct server_source){.produce = file_produce, .free = file_free};
    f->fd = fd;
    f->offset = range->first;
    f->left = range->length;
    return answer_stream(x, status, "application/octet-stream", &f->source, range->length);
}

static int refuse_range(struct exchange *x, int64_t size)
{
    char text[48];
    snprintf(text, sizeof(text), "bytes */%" PRId64, size);
    int err = answer_header(x, "Content-Range", text);
    return err < 0 ? err : answer_error(x, API_RANGE, NULL);
}

/* Before the first byte: a download that broke off may have shown enough. */
static int note(struct exchange *x, struct db_conn *c, const struct wanted *w, const char *outcome)
{
    char object[2 * EXCHANGE_PARAM_SIZE + 1];

    snprintf(object, sizeof(object), "%s/%s", x->params[0], x->params[1]);
    return trail_add(x, c, w->is_infected ? "archive.download_infected" : "archive.download", object, outcome);
}

static int refuse_infected(struct exchange *x, struct db_conn *c, const struct wanted *w)
{
    int err = note(x, c, w, AUDIT_DENIED);
    ADMIN_COUNT(ACCESS_DENIED);
    return err < 0 ? err : page_refuse(x, API_INFECTED);
}

/* 1: the file is to be sent; 0: answered; negative. */
static int begin(struct exchange *x, struct db_conn *c, const struct wanted *w, int *status, struct byte_range *range)
{
    const struct span *known = exchange_header(x, "if-none-match");
    char text[80];
    int err = add_headers(x, w);

    if (err < 0)
        return err;
    if (known != NULL && etag_is_listed(*known, w->tag, true))
        return answer_empty(x, 304);
    *status = choose(x, w, range);
    if (*status == 416)
        return refuse_range(x, w->size);
    if (*status == 206) {
        snprintf(text, sizeof(text), "bytes %" PRId64 "-%" PRId64 "/%" PRId64, range->first,
                 range->first + range->length - 1, w->size);
        err = answer_header(x, "Content-Range", text);
    }
    if (err == 0 && x->method == METHOD_GET)
        err = note(x, c, w, AUDIT_BEGUN);
    return err < 0 ? err : 1;
}

int download(struct exchange *x)
{
    struct byte_range range = {.first = 0};
    struct wanted w = {0};
    struct db_conn *c;
    int status = 0, err = exchange_db(x, &c);

    if (err == 0)
        err = find(x, c, &w);
    if (err < 1)
        return err < 0 ? err : page_refuse(x, API_NOT_FOUND);
    if (w.is_infected && !x->who.is_superuser)
        return refuse_infected(x, c, &w);
    int fd = open_file(x, &w);
    if (fd < 0)
        return fd == -ENOENT ? answer_error(x, API_ARCHIVE_LOST, NULL) : fd;
    err = begin(x, c, &w, &status, &range);
    if (err == 1)
        return send_file(x, fd, status, &range);
    close(fd);
    return err;
}
