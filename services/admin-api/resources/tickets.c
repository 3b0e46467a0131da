/* Tickets: each has a secret upload token, kept sealed for showing again and hashed for looking up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/resources/month.h"
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/resources/resources.h"
#include "services/admin-api/resources/secret.h"
#include "services/admin-api/resources/statements.h"
#include "services/admin-api/schema/tables.h"
#include "services/admin-api/security/seal.h"
#include "services/admin-api/storage/storage.h"
#include "services/admin-api/webhooks/outbox.h"

/* NULL when no SECRET_KEY of ours opens it any more: the ticket is still there, its token must be rotated. */
static json_t *show_token(const struct exchange *x, const struct db_rows *row, int column)
{
    size_t sealed_len, len;
    const void *sealed = db_blob(row, column, &sealed_len);
    void *token = NULL;

    if (seal_open(x->admin->keys, KEY_UPLOAD_TOKEN, sealed, sealed_len, &token, &len, NULL) < 0)
        return json_null();
    json_t *shown = json_string_nocheck(token);
    free(token);
    return shown;
}

static const struct field fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "t.id", .doc = "Made by the service."},
    {.name = "number",
     .type = FIELD_INTEGER,
     .rules = RULE_REQUIRED | RULE_UNIQUE | RULE_SORTABLE,
     .select = "t.number",
     .column = "number",
     .doc = "The help desk's number: any 64-bit integer, unique."},
    {.name = "resolved",
     .type = FIELD_BOOLEAN,
     .rules = RULE_SORTABLE | RULE_CHECKBOX,
     .select = "t.resolved",
     .column = "resolved",
     .doc = "Nothing more can be uploaded."},
    {.name = "token",
     .type = FIELD_MADE,
     .select = "t.token_sealed",
     .show = show_token,
     .rules = RULE_NULLABLE,
     .shape = "uuid",
     .doc = "What the customer uploads with."},
    {.name = "attempts",
     .type = FIELD_INTEGER,
     .rules = RULE_SORTABLE,
     .select = "t.attempts",
     .column = "attempts",
     .min = 0,
     .max = 10,
     .doc = "How many archives may still be uploaded; 5 if left out."},
    {.name = "platform",
     .type = FIELD_REFERENCE,
     .rules = RULE_REQUIRED | RULE_SORTABLE,
     .select = "p.name",
     .column = "platform_id",
     .lookup = {.sql = "SELECT id FROM platforms WHERE name = ", .by = "name"},
     .doc = "A platform's name."},
    {.name = "time_create", .type = FIELD_TIME, .rules = RULE_SORTABLE, .select = "t.time_create", .doc = "Made at."},
    {.name = "time_update",
     .type = FIELD_TIME,
     .rules = RULE_SORTABLE,
     .select = "t.time_update",
     .doc = "Changed at."},
    {.name = "user",
     .type = FIELD_TEXT,
     .rules = RULE_NULLABLE,
     .select = "u.username",
     .doc = "Who made it; null: that user is gone."},
    {.name = "note",
     .type = FIELD_TEXT,
     .rules = RULE_BLANK,
     .select = "t.note",
     .column = "note",
     .max = 10000,
     .doc = "Free text of the support team."},
    {.name = "expires_at",
     .type = FIELD_TIME,
     .rules = RULE_NULLABLE | RULE_SORTABLE,
     .select = "t.expires_at",
     .order = "COALESCE(t.expires_at, 9223372036854775807)",
     .column = "expires_at",
     .doc = "No upload begins after that; null: never. Left out: TOKEN_LIFETIME from now."},
    {.name = "max_bytes",
     .type = FIELD_INTEGER,
     .rules = RULE_NULLABLE,
     .select = "t.max_bytes",
     .column = "max_bytes",
     .min = 1,
     .max = INT64_MAX,
     .doc = "The largest archive taken, in bytes; null: what the gateway allows."},
    {.name = "archive_count",
     .type = FIELD_INTEGER,
     .select = "t.archive_count",
     .doc = "How many archives have arrived and are kept."},
    {.name = "archive_bytes", .type = FIELD_INTEGER, .select = "t.archive_bytes", .doc = "Their size together."},
    {.name = "last_archive",
     .type = FIELD_TIME,
     .rules = RULE_NULLABLE,
     .select = "t.last_archive",
     .doc = "When the last of them arrived; null: none."},
};

#define TICKET_SUFFIXES .suffixes = " FROM ticket_suffixes WHERE suffix", .pieces = " FROM ticket_pieces WHERE piece = "

static const struct filter filters[] = {
    {.name = "id", .type = FILTER_NUMBER, .expression = "t.id"},
    {.name = "id__in", .type = FILTER_NUMBERS, .expression = "t.id"},
    {.name = "id__lte", .type = FILTER_NUMBER, .expression = "t.id", .op = OP_LE},
    {.name = "id__gte", .type = FILTER_NUMBER, .expression = "t.id", .op = OP_GE},
    {.name = "number", .type = FILTER_NUMBERS, .expression = "t.number"},
    {.name = "number__contains", .type = FILTER_CONTAINS, .expression = "t.number", TICKET_SUFFIXES},
    {.name = "number__in", .type = FILTER_NUMBERS, .expression = "t.number"},
    {.name = "number__lte", .type = FILTER_NUMBER, .expression = "t.number", .op = OP_LE},
    {.name = "number__gte", .type = FILTER_NUMBER, .expression = "t.number", .op = OP_GE},
    {.name = "resolved", .type = FILTER_BOOLEAN, .expression = "t.resolved"},
    {.name = "user",
     .type = FILTER_TEXT,
     .expression = "t.user_id",
     .related = "SELECT id FROM users WHERE username = "},
    {.name = "platform",
     .type = FILTER_TEXT,
     .expression = "t.platform_id",
     .related = "SELECT id FROM platforms WHERE name = "},
    {.name = "search", .type = FILTER_SEARCH, .expression = "t.number", TICKET_SUFFIXES},
    {.name = "note", .type = FILTER_SEARCH, .expression = "t.note", .any_case = true},
    YEAR_FILTERS("t.time_create"),
};

/* Its uploads that lie in the spool count already: a client that got 201 sees its archive and its attempt taken. */
static int before_read(struct exchange *x, struct db_conn *c, int64_t id)
{
    if (x->admin->storage == NULL)
        return 0;
    if (id == 0)
        storage_file_all(x->admin->storage, c);
    else
        storage_file_ticket(x->admin->storage, c, id);
    return 0;
}

static void drop_secret(struct write *w, struct db_conn *c)
{
    (void)c;
    secret_free(w->data);
    w->data = NULL;
}

static int set_secret(struct write *w)
{
    struct secret *s = w->data;
    int err = s != NULL ? 0 : secret_new(w->x->admin->keys, &s);

    w->data = s; /* one for all repetitions of the transaction */
    if (err == 0)
        err = write_set_text(w, "token_hash", s->hash);
    return err < 0 ? err
                   : write_set(w, "token_sealed",
                               (struct db_value){.kind = DB_BLOB, .bytes = s->sealed, .len = s->sealed_len});
}

static int before_insert(struct write *w)
{
    int64_t lifetime_us = w->x->admin->config->token_lifetime * 1000;
    int err = set_secret(w);

    if (err == 0)
        err = write_set_int(w, "user_id", w->x->who.user_id);
    if (err == 0)
        err = write_set_int(w, "time_create", w->x->now_us);
    if (err == 0 && !write_input(w, "expires_at")->given && lifetime_us > 0)
        err = write_set_int(w, "expires_at", w->x->now_us + lifetime_us);
    return err;
}

static int read_resolved(const struct db_rows *row, void *arg)
{
    *(bool *)arg = db_int(row, 0) != 0;
    return 0;
}

/* Retention counts from when it was resolved: saying so once more changes nothing. */
static int set_resolved_at(struct write *w, struct db_conn *c)
{
    const struct input *in = write_input(w, "resolved");
    bool was = false, is = in->value.integer != 0;

    if (!in->given || !in->valid)
        return 0;
    int found = w->id == 0 ? 0 : db_one(c, read_resolved, &was, resource_statement(TICKET_RESOLVED), w->id);
    if (found < 0 || was == is)
        return found < 0 ? found : 0;
    return is ? write_set_int(w, "resolved_at", w->x->now_us)
              : write_set(w, "resolved_at", (struct db_value){.kind = DB_NULL});
}

/* Behind the UPDATE: under the number and the platform it has then. */
static int after_write(struct write *w, struct db_conn *c)
{
    const struct db_value *at = w->x->method == METHOD_POST ? NULL : write_column(w, "resolved_at");

    return at != NULL && at->kind == DB_INT ? webhook_queue_ticket(c, WEBHOOK_TICKET_RESOLVED, w->id, w->x->now_us) : 0;
}

static int before_write(struct write *w, struct db_conn *c)
{
    int err = write_set_int(w, "time_update", w->x->now_us);

    if (err == 0)
        err = set_resolved_at(w, c);
    return err == 0 && w->id == 0 ? before_insert(w) : err;
}

static void committed(struct write *w, struct db_conn *c)
{
    drop_secret(w, c);
    if (w->x->admin->storage != NULL)
        storage_ticket_changed(w->x->admin->storage, c, w->id);
}

const struct resource tickets_resource = {
    .label = "ticket",
    .table = "tickets",
    .from = "tickets t JOIN platforms p ON p.id = t.platform_id LEFT JOIN users u ON u.id = t.user_id",
    .count_from = "tickets t",
    .id = "t.id",
    .key = "t.number",
    .key_is_number = true,
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .filters = filters,
    .filter_count = sizeof(filters) / sizeof(filters[0]),
    .order = {.expression = "t.time_create", .descending = true},
    .touch = "rev = rev + 1",
    .before_read = before_read,
    .before_write = before_write,
    .after_write = after_write,
    .committed = committed,
    .failed = drop_secret,
    .doom = storage_doom_ticket,
};

const struct resource *resource_tickets(void)
{
    return &tickets_resource;
}
