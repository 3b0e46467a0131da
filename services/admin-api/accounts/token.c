/* Personal access tokens of one's own account: made (shown once), listed, ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/http/handlers.h"
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/schema/tables.h"
#include "services/admin-api/security/access_token.h"
#include "services/admin-api/security/users.h"

static const struct {
    const char *name;
    unsigned bit;
} scopes[] = {
#define SCOPE_ROW(id, name, bit) {(name), (bit)},
    ACCESS_SCOPES(SCOPE_ROW)
#undef SCOPE_ROW
};

#define SCOPES (sizeof(scopes) / sizeof(scopes[0]))

static json_t *show_scopes(const struct exchange *x, const struct db_rows *row, int column)
{
    json_t *list = json_array();
    (void)x;

    for (size_t i = 0; i < SCOPES; ++i)
        if ((unsigned)db_int(row, column) & scopes[i].bit)
            json_array_append_new(list, json_string(scopes[i].name));
    return list;
}

static const struct field fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "a.id", .doc = "Made by the service."},
    {.name = "name",
     .type = FIELD_TEXT,
     .rules = RULE_REQUIRED | RULE_SORTABLE,
     .select = "a.name",
     .column = "name",
     .max = 100,
     .doc = "What it is for, in the owner's words."},
    {.name = "scopes",
     .type = FIELD_GIVEN,
     .rules = RULE_REQUIRED,
     .select = "a.scopes",
     .show = show_scopes,
     .shape = "texts",
     .doc = "A list of what it may do: read, tickets (and change them), download."},
    {.name = "expires_at",
     .type = FIELD_TIME,
     .rules = RULE_NULLABLE,
     .select = "a.expires_at",
     .column = "expires_at",
     .doc = "It ends then; null: with its user's password, status or second factor."},
    {.name = "time_create", .type = FIELD_TIME, .rules = RULE_SORTABLE, .select = "a.time_create", .doc = "Made at."},
    {.name = "last_used",
     .type = FIELD_TIME,
     .rules = RULE_NULLABLE,
     .select = "a.last_used",
     .doc = "To the minute; null: never."},
};

struct making { /* of a new token, until it has been answered */
    unsigned scopes;
    char token[ACCESS_TOKEN_SIZE], hash[OPAQUE_HASH_SIZE];
};

static void forget(struct write *w, struct db_conn *c)
{
    (void)c;
    free(w->data);
    w->data = NULL;
}

/* The bits of a list of names; 0: it is none. */
static unsigned bits_of(const json_t *list)
{
    unsigned bits = 0;
    size_t index;
    json_t *name;

    json_array_foreach (list, index, name) {
        unsigned bit = 0;
        for (size_t i = 0; i < SCOPES; ++i)
            bit |= json_is_string(name) && strcmp(json_string_value(name), scopes[i].name) == 0 ? scopes[i].bit : 0;
        if (bit == 0)
            return 0;
        bits |= bit;
    }
    return bits;
}

static int validate(struct write *w, struct db_conn *c)
{
    const json_t *given = json_object_get(w->body, "scopes");
    const struct input *end = write_input(w, "expires_at");
    struct making *m = calloc(1, sizeof(*m));
    (void)c;

    if (m == NULL)
        return -ENOMEM;
    w->data = m;
    m->scopes = bits_of(given);
    if (given != NULL && m->scopes == 0)
        return field_error(w->decode_errors, "scopes", "Give a list of one or more of: read, tickets, download.");
    if (end->valid && end->value.kind == DB_INT && end->value.integer <= w->x->now_us)
        return field_error(w->decode_errors, "expires_at", "Give a time in the future, or leave it out.");
    return 0;
}

static int before_write(struct write *w, struct db_conn *c)
{
    struct making *m = w->data;
    struct user owner;
    int64_t count = access_tokens_count(c, w->x->who.user_id);
    int err = count < 0 ? (int)count : user_by_id(c, w->x->who.user_id, &owner);

    if (err < 1)
        return err < 0 ? err : -EIO;
    if (count >= ACCESS_TOKENS_MAX)
        return field_error(w->errors, "non_field_errors", "You have 100 tokens already: end one of them first.");
    access_token_make(m->token, m->hash);
    err = write_set_text(w, "hash", m->hash);
    if (err == 0)
        err = write_set_int(w, "user_id", owner.id);
    if (err == 0)
        err = write_set_int(w, "auth_version", owner.auth_version);
    if (err == 0)
        err = write_set_int(w, "scopes", m->scopes);
    return err < 0 ? err : write_set_int(w, "time_create", w->x->now_us);
}

/* Those that a change of the user has ended are not shown. */
static int before_read(struct exchange *x, struct db_conn *c, int64_t id)
{
    int64_t count = access_tokens_count(c, x->who.user_id);
    (void)id;
    return count < 0 ? (int)count : 0;
}

/* Shown now and never again. */
static void committed(struct write *w, struct db_conn *c)
{
    const struct making *m = w->data;

    if (json_object_set_new(w->result, "token", json_string(m->token)) < 0)
        json_object_clear(w->result);
    forget(w, c);
}

static const struct resource tokens = {
    .label = "access token",
    .table = "access_tokens",
    .from = "access_tokens a",
    .id = "a.id",
    .key = "a.id",
    .key_is_number = true,
    .tells_secret = true,
    .owner = "a.user_id",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .before_read = before_read,
    .validate = validate,
    .before_write = before_write,
    .committed = committed,
    .failed = forget,
};

const struct resource *resource_account_tokens(void)
{
    return &tokens;
}

int account_tokens_end(struct exchange *x)
{
    return resource_delete(x, &tokens);
}
