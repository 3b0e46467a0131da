/* What was sent, is to be sent, or could not be: read by superusers, written by the outbox and the deliverer. */
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/schema/tables.h"

static const struct field fields[] = {
    {.name = "id",
     .type = FIELD_INTEGER,
     .rules = RULE_SORTABLE,
     .select = "d.id",
     .doc = "Stands in the request too: a repetition has the same."},
    {.name = "webhook", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "d.webhook_id", .doc = "Whose it is."},
    {.name = "event", .type = FIELD_TEXT, .rules = RULE_SORTABLE, .select = "d.event", .doc = "What happened."},
    {.name = "state",
     .type = FIELD_TEXT,
     .rules = RULE_SORTABLE,
     .select = "d.state",
     .doc = "pending, delivered or failed (given up).",
     .shape = "delivery_state"},
    {.name = "attempts", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "d.attempts", .doc = "So far."},
    {.name = "status",
     .type = FIELD_INTEGER,
     .rules = RULE_NULLABLE,
     .select = "d.status",
     .doc = "What the receiver answered last; null: nothing yet."},
    {.name = "error",
     .type = FIELD_TEXT,
     .select = "d.error",
     .doc = "Why the last attempt failed; empty: it did not."},
    {.name = "time_create", .type = FIELD_TIME, .rules = RULE_SORTABLE, .select = "d.time_create", .doc = "When."},
    {.name = "time_next",
     .type = FIELD_TIME,
     .rules = RULE_NULLABLE,
     .select = "CASE WHEN d.state = 'pending' THEN d.due_at END",
     .doc = "Not tried before then; null: it is over."},
    {.name = "time_done",
     .type = FIELD_TIME,
     .rules = RULE_NULLABLE,
     .select = "d.time_done",
     .doc = "Delivered or given up at; null: neither yet."},
};

static const struct filter filters[] = {
    {.name = "webhook", .type = FILTER_NUMBER, .expression = "d.webhook_id"},
    {.name = "event", .type = FILTER_TEXT, .expression = "d.event"},
    {.name = "state", .type = FILTER_TEXT, .expression = "d.state"},
};

static const struct resource deliveries = {
    .label = "delivery",
    .table = "webhook_deliveries",
    .from = "webhook_deliveries d",
    .id = "d.id",
    .key = "d.id",
    .key_is_number = true,
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .filters = filters,
    .filter_count = sizeof(filters) / sizeof(filters[0]),
    .order = {.expression = "d.time_create", .descending = true},
};

const struct resource *resource_webhook_deliveries(void)
{
    return &deliveries;
}
