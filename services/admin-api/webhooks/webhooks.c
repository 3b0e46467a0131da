/*
 * Web hooks as superusers manage them. The secret is sealed and shown once, when it is made; the address is only
 * checked for its form here: where it leads is asked when it is connected to (guard.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/http/handlers.h"
#include "services/admin-api/http/trail.h"
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/resources/row.h"
#include "services/admin-api/schema/tables.h"
#include "services/admin-api/security/opaque.h"
#include "services/admin-api/security/seal.h"
#include "services/admin-api/webhooks/guard.h"
#include "services/admin-api/webhooks/outbox.h"
#include "services/admin-api/webhooks/statements.h"

#define URL_MOST     2000
#define SECRET_LEAST 16
#define SECRET_MOST  200

static json_t *show_events(const struct exchange *x, const struct db_rows *row, int column)
{
    json_t *list = json_array();
    (void)x;

    for (size_t i = 0; i < webhook_event_count; ++i)
        if ((unsigned)db_int(row, column) & webhook_events[i].bit)
            json_array_append_new(list, json_string(webhook_events[i].name));
    return list;
}

static const struct field fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "w.id", .doc = "Made by the service."},
    {.name = "platform",
     .type = FIELD_REFERENCE,
     .rules = RULE_REQUIRED | RULE_SORTABLE,
     .select = "p.name",
     .column = "platform_id",
     .lookup = {.sql = "SELECT id FROM platforms WHERE name = ", .by = "name"},
     .doc = "The platform whose events are told."},
    {.name = "url",
     .type = FIELD_TEXT,
     .rules = RULE_REQUIRED,
     .select = "w.url",
     .column = "url",
     .max = URL_MOST,
     .doc = "Where they are sent: http or https. Redirects are not followed, addresses that are not public are refused "
            "unless WEBHOOK_ALLOW_NETS has them.",
     .shape = "uri"},
    {.name = "events",
     .type = FIELD_GIVEN,
     .rules = RULE_REQUIRED,
     .select = "w.events",
     .show = show_events,
     .shape = "texts",
     .doc = "A list of one or more of archive.received, archive.expired, ticket.resolved."},
    {.name = "enabled",
     .type = FIELD_BOOLEAN,
     .rules = RULE_SORTABLE,
     .select = "w.enabled",
     .column = "enabled",
     .doc = "Events are sent; true if left out. What happens while it is off is not told later."},
    {.name = "failures",
     .type = FIELD_INTEGER,
     .rules = RULE_SORTABLE,
     .select = "w.failures",
     .doc = "How often sending failed since it last went well."},
    {.name = "time_create", .type = FIELD_TIME, .rules = RULE_SORTABLE, .select = "w.time_create", .doc = "Made at."},
    {.name = "time_update",
     .type = FIELD_TIME,
     .rules = RULE_SORTABLE,
     .select = "w.time_update",
     .doc = "Changed at."},
    {.name = "secret",
     .type = FIELD_GIVEN,
     .shape = "password",
     .doc = "What requests are signed with, 16 to 200 characters; left out of a new one: made, and shown once."},
};

static const struct filter filters[] = {
    {.name = "platform",
     .type = FILTER_TEXT,
     .expression = "w.platform_id",
     .related = "SELECT id FROM platforms WHERE name = "},
    {.name = "enabled", .type = FILTER_BOOLEAN, .expression = "w.enabled"},
};

struct making { /* of a secret and of the events, until the row is written */
    unsigned events;
    char secret[SECRET_MOST + 1];
    void *sealed;
    size_t sealed_len;
};

static void forget(struct write *w, struct db_conn *c)
{
    struct making *m = w->data;
    (void)c;
    if (m != NULL) {
        explicit_bzero(m->secret, sizeof(m->secret));
        free(m->sealed);
    }
    free(m);
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
        for (size_t i = 0; i < webhook_event_count; ++i)
            if (json_is_string(name) && strcmp(json_string_value(name), webhook_events[i].name) == 0)
                bit = webhook_events[i].bit;
        if (bit == 0)
            return 0;
        bits |= bit;
    }
    return bits;
}

/* Anything between SECRET_LEAST and SECRET_MOST bytes; the receiver must have the very same. */
static int take_secret(struct write *w, struct making *m)
{
    const json_t *given = json_object_get(w->body, "secret");
    size_t len = json_string_length(given);

    if (given == NULL && w->x->method != METHOD_POST)
        return 0;
    if (given == NULL) {
        opaque_make(m->secret);
        len = strlen(m->secret);
    } else if (!json_is_string(given) || len < SECRET_LEAST || len > SECRET_MOST ||
               strlen(json_string_value(given)) != len) {
        return field_error(w->decode_errors, "secret", "Give 16 to 200 characters, or leave it out to have one made.");
    } else {
        memcpy(m->secret, json_string_value(given), len + 1);
    }
    return seal(w->x->admin->keys, KEY_WEBHOOK, m->secret, len, &m->sealed, &m->sealed_len);
}

static int validate(struct write *w, struct db_conn *c)
{
    const json_t *events = json_object_get(w->body, "events");
    const struct input *url = write_input(w, "url");
    struct making *m = calloc(1, sizeof(*m));
    char why[160];
    int err = 0;
    (void)c;

    if (m == NULL)
        return -ENOMEM;
    w->data = m;
    m->events = bits_of(events);
    if (events != NULL && m->events == 0)
        err = field_error(w->decode_errors, "events",
                          "Give a list of one or more of: archive.received, archive.expired, ticket.resolved.");
    if (err == 0 && url->given && url->valid && guard_check_url(url->owned, why, sizeof(why)) < 0)
        err = field_error(w->decode_errors, "url", why);
    return err < 0 ? err : take_secret(w, m);
}

struct place {
    int64_t platform_id;
    char url[URL_MOST * 4 + 1];
};

static int read_place(const struct db_rows *row, void *arg)
{
    struct place *p = arg;
    p->platform_id = db_int(row, 0);
    snprintf(p->url, sizeof(p->url), "%s", db_text(row, 1));
    return 0;
}

/* The same address twice would be told everything twice. */
static int check_same(struct write *w, struct db_conn *c)
{
    const struct db_value *platform = write_column(w, "platform_id"), *url = write_column(w, "url");
    struct place p = {.platform_id = 0};
    int found = w->id == 0 ? 0 : db_one(c, read_place, &p, webhook_statement(PLACE), w->id);

    if (found < 0 || (platform == NULL && url == NULL))
        return found < 0 ? found : 0;
    found = db_one(c, NULL, NULL, webhook_statement(SAME), platform == NULL ? p.platform_id : platform->integer,
                   url == NULL ? p.url : (const char *)url->bytes, w->id);
    if (found < 1)
        return found;
    return field_error(w->errors, "url", "This platform has a web hook with this address already.");
}

static int before_write(struct write *w, struct db_conn *c)
{
    const struct making *m = w->data;
    int err = check_same(w, c);

    if (err == 0)
        err = write_set_int(w, "time_update", w->x->now_us);
    if (err == 0 && w->id == 0)
        err = write_set_int(w, "time_create", w->x->now_us);
    if (err == 0 && m->events != 0)
        err = write_set_int(w, "events", m->events);
    if (err == 0 && m->sealed != NULL)
        err = write_set(w, "secret", (struct db_value){.kind = DB_BLOB, .bytes = m->sealed, .len = m->sealed_len});
    return err;
}

/* Shown now and never again. */
static void committed(struct write *w, struct db_conn *c)
{
    const struct making *m = w->data;

    if (w->x->method == METHOD_POST && json_object_set_new(w->result, "secret", json_string(m->secret)) < 0)
        json_object_clear(w->result);
    forget(w, c);
}

static const struct resource webhooks = {
    .label = "webhook",
    .table = "webhooks",
    .from = "webhooks w JOIN platforms p ON p.id = w.platform_id",
    .id = "w.id",
    .key = "w.id",
    .key_is_number = true,
    .tells_secret = true,
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .filters = filters,
    .filter_count = sizeof(filters) / sizeof(filters[0]),
    .validate = validate,
    .before_write = before_write,
    .committed = committed,
    .failed = forget,
};

const struct resource *resource_webhooks(void)
{
    return &webhooks;
}

/* --- a test --- */

struct trial {
    struct exchange *x;
    bool found;
    json_t *result;
};

static int queue_test(struct db_conn *c, void *arg)
{
    struct trial *t = arg;
    int64_t id, delivery;
    int err = row_find(t->x, &webhooks, c, &id);

    json_decref(t->result);
    t->result = NULL;
    t->found = err == 1;
    if (err == 1)
        err = webhook_queue_test(c, id, t->x->now_us, &delivery);
    if (err < 0 || !t->found)
        return err;
    err = row_load(t->x, resource_webhook_deliveries(), c, delivery, &t->result);
    return err < 0 ? err : trail_add(t->x, c, "webhook.test", t->x->params[0], AUDIT_OK);
}

int webhooks_test(struct exchange *x)
{
    struct trial t = {.x = x};
    struct db_conn *c;
    int err = exchange_db(x, &c);

    if (err == 0)
        err = db_transaction(c, queue_test, &t);
    if (err == 0 && t.found && t.result != NULL)
        return answer_json(x, 202, t.result);
    json_decref(t.result);
    return err < 0 ? err : answer_error(x, API_NOT_FOUND, NULL);
}
