/* The audit log to superusers: read, never written here. */
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/schema/tables.h"

static const struct field fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "e.id", .doc = "Made by the service."},
    {.name = "time_create", .type = FIELD_TIME, .rules = RULE_SORTABLE, .select = "e.time_create", .doc = "When."},
    {.name = "actor",
     .type = FIELD_TEXT,
     .rules = RULE_SORTABLE,
     .select = "e.actor",
     .doc = "Who: a username; empty: nobody known; \"system\": the service, \"console\": its command line."},
    {.name = "action", .type = FIELD_TEXT, .rules = RULE_SORTABLE, .select = "e.action", .doc = "What was done."},
    {.name = "object", .type = FIELD_TEXT, .rules = RULE_SORTABLE, .select = "e.object", .doc = "To what."},
    {.name = "address", .type = FIELD_TEXT, .rules = RULE_SORTABLE, .select = "e.address", .doc = "From where."},
    {.name = "outcome", .type = FIELD_TEXT, .rules = RULE_SORTABLE, .select = "e.outcome", .doc = "How it ended."},
};

static const struct filter filters[] = {
    {.name = "actor", .type = FILTER_TEXT, .expression = "e.actor"},
    {.name = "action", .type = FILTER_TEXT, .expression = "e.action"},
    {.name = "object", .type = FILTER_TEXT, .expression = "e.object"},
    {.name = "address", .type = FILTER_TEXT, .expression = "e.address"},
    {.name = "outcome", .type = FILTER_TEXT, .expression = "e.outcome"},
    {.name = "time_create", .type = FILTER_TIME, .expression = "e.time_create"},
    {.name = "time_create__lte", .type = FILTER_TIME, .expression = "e.time_create", .op = OP_LE},
    {.name = "time_create__gte", .type = FILTER_TIME, .expression = "e.time_create", .op = OP_GE},
    {.name = "search",
     .type = FILTER_SEARCH,
     .expression = "(e.actor || ' ' || e.action || ' ' || e.object || ' ' || e.address || ' ' || e.outcome)"},
};

static const struct resource audit = {
    .label = "audit event",
    .table = "audit",
    .from = "audit e",
    .id = "e.id",
    .key = "e.id",
    .key_is_number = true,
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .filters = filters,
    .filter_count = sizeof(filters) / sizeof(filters[0]),
    .order = {.expression = "e.time_create", .descending = true},
};

const struct resource *resource_audit(void)
{
    return &audit;
}
