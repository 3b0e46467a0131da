/* Archives: rows made by filing. The API may move one to another ticket, replace its file, or delete it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/http/handlers.h"
#include "services/admin-api/resources/decode.h"
#include "services/admin-api/resources/month.h"
#include "services/admin-api/resources/resources.h"
#include "services/admin-api/resources/statements.h"
#include "services/admin-api/schema/tables.h"
#include "services/admin-api/storage/storage.h"
#include "shared/http/filename.h"
#include "shared/http/percent.h"

#define FILE_MOST  (8u * 1024 * 1024)
#define NAME_TRIES 10

/* <base>/archives/download/<number>/<name>, the name percent-encoded. */
static json_t *show_file(const struct exchange *x, const struct db_rows *row, int column)
{
    char name[PERCENT_ROOM(FILENAME_SIZE)];

    percent_encode(db_text(row, column + 1), PERCENT_UNRESERVED, name, sizeof(name));
    return json_sprintf("%s/archives/download/%lld/%s", x->base_url, (long long)db_int(row, column), name);
}

static const struct field fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "a.id", .doc = "Made by the service."},
    {.name = "file",
     .type = FIELD_FILE,
     .rules = RULE_REQUIRED,
     .select = "t.number, a.name",
     .columns = 2,
     .show = show_file,
     .doc = "Where to download it; in a multipart body the file that replaces it, up to 8 MiB."},
    {.name = "ticket",
     .type = FIELD_REFERENCE,
     .rules = RULE_REQUIRED | RULE_SORTABLE,
     .select = "t.number",
     .column = "ticket_id",
     .lookup = {.sql = "SELECT id FROM tickets WHERE number = ", .by = "number", .is_number = true},
     .doc = "The number of its ticket; another one moves it there."},
    {.name = "time_create", .type = FIELD_TIME, .rules = RULE_SORTABLE, .select = "a.time_create", .doc = "Filed at."},
    {.name = "name", .type = FIELD_TEXT, .rules = RULE_SORTABLE, .select = "a.name", .doc = "Its file name."},
    {.name = "size", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "a.size", .doc = "Bytes."},
    {.name = "sha256",
     .type = FIELD_TEXT,
     .select = "a.sha256",
     .doc = "SHA-256 of its bytes, hexadecimal.",
     .shape = "sha256"},
    {.name = "client", .type = FIELD_TEXT, .select = "a.client", .doc = "The uploader's address."},
    {.name = "duplicate_of",
     .type = FIELD_INTEGER,
     .rules = RULE_SHOWN_SET,
     .select = "(SELECT MIN(d.id) FROM archives d WHERE d.ticket_id = a.ticket_id AND d.sha256 = a.sha256 AND "
               "d.id < a.id)",
     .doc = "The first archive of the ticket with the same bytes: an upload tried again. Left out: there is none."},
    {.name = "scan",
     .type = FIELD_TEXT,
     .rules = RULE_SORTABLE,
     .select = "a.scan",
     .doc = "The malware scan: pending, clean, infected (only superusers download it), or skipped (no scanner, too "
            "large for it, or it failed on it again and again).",
     .shape = "scan"},
    {.name = "scan_signature",
     .type = FIELD_TEXT,
     .rules = RULE_SHOWN_SET,
     .select = "a.scan_signature",
     .doc = "What was found in an infected one."},
};

static const struct filter filters[] = {
    {.name = "id", .type = FILTER_NUMBER, .expression = "a.id"},
    {.name = "id__lte", .type = FILTER_NUMBER, .expression = "a.id", .op = OP_LE},
    {.name = "id__gte", .type = FILTER_NUMBER, .expression = "a.id", .op = OP_GE},
    {.name = "ticket",
     .type = FILTER_EXISTING,
     .expression = "t.number",
     .exists = "SELECT 1 FROM tickets WHERE number = "},
    {.name = "ticket__lte",
     .type = FILTER_EXISTING,
     .expression = "t.number",
     .op = OP_LE,
     .exists = "SELECT 1 FROM tickets WHERE number = "},
    {.name = "ticket__gte",
     .type = FILTER_EXISTING,
     .expression = "t.number",
     .op = OP_GE,
     .exists = "SELECT 1 FROM tickets WHERE number = "},
    {.name = "time_create", .type = FILTER_TIME, .expression = "a.time_create"},
    {.name = "time_create__lte", .type = FILTER_TIME, .expression = "a.time_create", .op = OP_LE},
    {.name = "time_create__gte", .type = FILTER_TIME, .expression = "a.time_create", .op = OP_GE},
    {.name = "scan", .type = FILTER_TEXT, .expression = "a.scan"},
    YEAR_FILTERS("a.time_create"),
};

/* --- a change: the place it had, and the file that came --- */

struct change {
    int64_t ticket_id; /* where it was */
    char name[FILENAME_SIZE], upload_id[STORAGE_ID_SIZE];
    char new_name[FILENAME_SIZE];
    struct storage_file file; /* upload_id empty: none came */
};

static int read_place(const struct db_rows *row, void *arg)
{
    struct change *h = arg;
    h->ticket_id = db_int(row, 0);
    snprintf(h->name, sizeof(h->name), "%s", db_text(row, 1));
    snprintf(h->upload_id, sizeof(h->upload_id), "%s", db_text(row, 2));
    return 0;
}

static int refuse_file(struct write *w, const char *message)
{
    json_t *errors = json_object();
    if (errors == NULL || field_error(errors, "file", message) < 0) {
        json_decref(errors);
        return -ENOMEM;
    }
    return answer_fields(w->x, errors);
}

/* 1, 0 answered, negative. */
static int store_file(struct write *w, struct change *h)
{
    const struct body_file *f = &w->x->file;
    ssize_t n = filename_clean(f->name, strlen(f->name), h->new_name);

    if (f->len > FILE_MOST)
        return answer_error(w->x, API_FILE_TOO_LARGE, NULL);
    if (f->len == 0)
        return refuse_file(w, "The submitted file is empty.");
    if (n < 0)
        return refuse_file(w, n == -ENAMETOOLONG ? "The file name is longer than 255 bytes."
                                                 : "The file name has no character that can be kept.");
    /* The ids in the manifest are of now; the row is what counts. */
    int err = storage_put(w->x->admin->storage, f->data, f->len, h->new_name, h->ticket_id, 0, &h->file);
    return err < 0 ? err : 1;
}

static void drop_change(struct write *w, struct db_conn *c)
{
    struct change *h = w->data;
    (void)c;
    if (h != NULL && h->file.upload_id[0] != '\0')
        storage_drop(w->x->admin->storage, h->file.upload_id);
    free(h);
    w->data = NULL;
}

static int before_transaction(struct write *w, struct db_conn *c)
{
    struct change *h = calloc(1, sizeof(*h));
    (void)c;
    if (h == NULL)
        return -ENOMEM;
    w->data = h;
    int err = w->x->file.data == NULL ? 1 : store_file(w, h);
    if (err < 1)
        drop_change(w, c);
    return err;
}

/* The wanted name, or with a suffix one that is free in that ticket. */
static int free_name(struct write *w, struct db_conn *c, int64_t ticket_id, const char *wanted, char out[FILENAME_SIZE])
{
    snprintf(out, FILENAME_SIZE, "%s", wanted);
    for (int i = 0; i < NAME_TRIES; ++i) {
        int found = db_one(c, NULL, NULL, resource_statement(ARCHIVE_NAME_TAKEN), ticket_id, out, w->id);
        if (found < 1)
            return found;
        if (filename_suffixed(wanted, out) < 0)
            return -EIO;
    }
    return -EEXIST;
}

static int64_t target_ticket(const struct write *w, const struct change *h)
{
    const struct db_value *moved = write_column(w, "ticket_id");
    return moved == NULL ? h->ticket_id : moved->integer;
}

static int set_file(struct write *w, struct db_conn *c, struct change *h)
{
    int64_t doomed = db_exec(c, resource_statement(DOOM_UPLOAD), h->upload_id, w->x->now_us);
    int err = doomed < 0 ? (int)doomed : write_set_text(w, "upload_id", h->file.upload_id);
    if (err == 0)
        err = write_set_text(w, "sha256", h->file.sha256);
    if (err == 0)
        err = write_set_text(w, "scan", storage_scan_state(w->x->admin->storage));
    if (err == 0)
        err = write_set(w, "scan_signature", (struct db_value){.kind = DB_NULL});
    if (err == 0)
        err = write_set_int(w, "scan_due", 0);
    if (err == 0)
        err = write_set_int(w, "scan_attempts", 0);
    return err < 0 ? err : write_set_int(w, "size", (int64_t)w->x->file.len);
}

static bool frees_name(const struct write *w, const struct change *h)
{
    return target_ticket(w, h) != h->ticket_id || strcmp(h->name, h->new_name) != 0;
}

static int before_write(struct write *w, struct db_conn *c)
{
    struct change *h = w->data;
    bool has_file;

    if (h == NULL) /* errors already */
        return 0;
    has_file = h->file.upload_id[0] != '\0';
    int err = db_one(c, read_place, h, resource_statement(ARCHIVE_PLACE), w->id);
    if (err < 1)
        return err < 0 ? err : -ENOENT;
    char wanted[FILENAME_SIZE];
    snprintf(wanted, sizeof(wanted), "%s", has_file ? w->x->file.name : h->name);
    if (has_file && filename_clean(w->x->file.name, strlen(w->x->file.name), wanted) < 0)
        return -EINVAL;
    err = free_name(w, c, target_ticket(w, h), wanted, h->new_name);
    if (err == 0)
        err = write_set_text(w, "name", h->new_name);
    if (err == 0 && frees_name(w, h))
        err = storage_names_changed(c, w->id);
    return err == 0 && has_file ? set_file(w, c, h) : err;
}

static void committed(struct write *w, struct db_conn *c)
{
    struct change *h = w->data;
    struct storage *s = w->x->admin->storage;

    if (frees_name(w, h))
        storage_name_freed(s, c, h->ticket_id, h->name);
    if (h->file.upload_id[0] != '\0')
        storage_after_delete(s, c);
    free(h);
    w->data = NULL;
}

static int before_read(struct exchange *x, struct db_conn *c, int64_t id)
{
    if (id == 0 && x->admin->storage != NULL)
        storage_file_all(x->admin->storage, c);
    return 0;
}

const struct resource archives_resource = {
    .label = "archive",
    .table = "archives",
    .from = "archives a JOIN tickets t ON t.id = a.ticket_id",
    .count_from = "archives a",
    .id = "a.id",
    .key = "a.id",
    .key_is_number = true,
    .takes_files = true,
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .filters = filters,
    .filter_count = sizeof(filters) / sizeof(filters[0]),
    .order = {.expression = "a.time_create", .descending = true},
    .before_read = before_read,
    .before_transaction = before_transaction,
    .before_write = before_write,
    .committed = committed,
    .failed = drop_change,
    .doom = storage_doom_archive,
};

const struct resource *resource_archives(void)
{
    return &archives_resource;
}

/* Its name may be used again: the gateway is told. */
int archives_delete(struct exchange *x)
{
    struct change place = {.ticket_id = 0};
    struct db_conn *c;
    int64_t id;
    int err = exchange_db(x, &c);

    if (err == 0 && integer_parse_path(x->params[0], &id) == 0)
        err = db_one(c, read_place, &place, resource_statement(ARCHIVE_PLACE), id);
    if (err >= 0)
        err = resource_delete(x, &archives_resource);
    if (err == 0 && place.ticket_id != 0)
        storage_name_freed(x->admin->storage, c, place.ticket_id, place.name);
    return err;
}
