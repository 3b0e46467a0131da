/* Rows of webhook_deliveries as events happen; see outbox.h. */
#include "services/admin-api/webhooks/outbox.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "services/admin-api/resources/iso_time.h"
#include "services/admin-api/webhooks/statements.h"

const struct webhook_event_row webhook_events[] = {
#define EVENT(id, name, bit) {(name), (bit)},
#include "services/admin-api/webhooks/events.def"
#undef EVENT
};
const size_t webhook_event_count = sizeof(webhook_events) / sizeof(webhook_events[0]);

static const char *name_of(enum webhook_event event)
{
    for (size_t i = 0; i < webhook_event_count; ++i)
        if (webhook_events[i].bit == event)
            return webhook_events[i].name;
    return "";
}

struct wanted { /* somebody wants it */
    int64_t platform_id;
    json_t *data;
};

static int read_archive(const struct db_rows *row, void *arg)
{
    struct wanted *w = arg;
    char time[ISO_TIME_SIZE];
    iso_time_format(db_int(row, 7), time);
    w->platform_id = db_int(row, 0);
    w->data =
        json_pack("{s:s,s:I,s:{s:I,s:s,s:I,s:s,s:s}}", "platform", db_text(row, 1), "ticket",
                  (json_int_t)db_int(row, 2), "archive", "id", (json_int_t)db_int(row, 3), "name", db_text(row, 4),
                  "size", (json_int_t)db_int(row, 5), "sha256", db_text(row, 6), "time_create", time);
    return w->data == NULL ? -ENOMEM : 0;
}

static int read_ticket(const struct db_rows *row, void *arg)
{
    struct wanted *w = arg;
    w->platform_id = db_int(row, 0);
    w->data = json_pack("{s:s,s:I}", "platform", db_text(row, 1), "ticket", (json_int_t)db_int(row, 2));
    return w->data == NULL ? -ENOMEM : 0;
}

static char *text_of(json_t *data)
{
    char *text = data == NULL ? NULL : json_dumps(data, JSON_COMPACT);
    json_decref(data);
    return text;
}

static int queue(struct db_conn *c, enum webhook_event event, struct wanted *w, int64_t now_us)
{
    char *payload = text_of(w->data);
    if (payload == NULL)
        return -ENOMEM;
    int64_t n = db_exec(c, webhook_statement(QUEUE), w->platform_id, (int64_t)event, name_of(event), payload, now_us);
    free(payload);
    return n < 0 ? (int)n : 0;
}

int webhook_queue_archive(struct db_conn *c, enum webhook_event event, const char *upload_id, int64_t now_us)
{
    struct wanted w = {.data = NULL};
    int found = db_one(c, read_archive, &w, webhook_statement(ARCHIVE), upload_id, (int64_t)event);
    return found < 1 ? found : queue(c, event, &w, now_us);
}

int webhook_queue_ticket(struct db_conn *c, enum webhook_event event, int64_t ticket_id, int64_t now_us)
{
    struct wanted w = {.data = NULL};
    int found = db_one(c, read_ticket, &w, webhook_statement(TICKET), ticket_id, (int64_t)event);
    return found < 1 ? found : queue(c, event, &w, now_us);
}

static int read_test(const struct db_rows *row, void *arg)
{
    *(json_t **)arg = json_pack("{s:s}", "platform", db_text(row, 0));
    return *(json_t **)arg == NULL ? -ENOMEM : 0;
}

static int read_id(const struct db_rows *row, void *arg)
{
    *(int64_t *)arg = db_int(row, 0);
    return 0;
}

int webhook_queue_test(struct db_conn *c, int64_t webhook_id, int64_t now_us, int64_t *id)
{
    json_t *data = NULL;
    int found = db_one(c, read_test, &data, webhook_statement(TEST_DATA), webhook_id);
    char *payload = found < 1 ? NULL : text_of(data);
    if (payload == NULL)
        return found < 0 ? found : found == 0 ? -ENOENT : -ENOMEM;
    found = db_one(c, read_id, id, webhook_statement(QUEUE_ONE), webhook_id, WEBHOOK_TEST, payload, now_us);
    free(payload);
    return found < 0 ? found : 0;
}
