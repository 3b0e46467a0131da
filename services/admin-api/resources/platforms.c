/* Platforms: the products tickets are about. */
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/resources/statements.h"
#include "services/admin-api/schema/tables.h"
#include "services/admin-api/storage/storage.h"

#define RETENTION_MOST 315360000 /* ten years, as of the settings */

static const struct field fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "p.id", .doc = "Made by the service."},
    {.name = "name",
     .type = FIELD_TEXT,
     .rules = RULE_REQUIRED | RULE_UNIQUE | RULE_SLUG | RULE_SORTABLE,
     .select = "p.name",
     .column = "name",
     .max = 20,
     .doc = "What tickets and addresses call it: letters, digits, '-' and '_'."},
    {.name = "pretty_name",
     .type = FIELD_TEXT,
     .rules = RULE_REQUIRED | RULE_SORTABLE,
     .select = "p.pretty_name",
     .column = "pretty_name",
     .max = 20,
     .doc = "What people read."},
    {.name = "max_bytes",
     .type = FIELD_INTEGER,
     .rules = RULE_NULLABLE | RULE_SHOWN_SET,
     .select = "p.max_bytes",
     .column = "max_bytes",
     .min = 1,
     .max = INT64_MAX,
     .doc = "The largest archive its tickets take, in bytes; left out: no limit of its own."},
    {.name = "retention_all",
     .type = FIELD_INTEGER,
     .rules = RULE_NULLABLE | RULE_SHOWN_SET,
     .select = "p.retention_all",
     .column = "retention_all",
     .min = 0,
     .max = RETENTION_MOST,
     .doc = "Seconds that its archives are kept from their arrival; 0: for ever; left out: as RETENTION_ALL says."},
    {.name = "retention_resolved",
     .type = FIELD_INTEGER,
     .rules = RULE_NULLABLE | RULE_SHOWN_SET,
     .select = "p.retention_resolved",
     .column = "retention_resolved",
     .min = 0,
     .max = RETENTION_MOST,
     .doc = "Seconds that its archives are kept once their ticket is resolved; 0: for ever; left out: as "
            "RETENTION_RESOLVED says."},
};

static bool concerns_tickets(const struct write *w)
{
    return write_input(w, "name")->given || write_input(w, "pretty_name")->given || write_input(w, "max_bytes")->given;
}

/* The gateway shows a ticket's platform and keeps to its limit: a change is news of every ticket of it. */
static int after_write(struct write *w, struct db_conn *c)
{
    if (!concerns_tickets(w))
        return 0;
    int64_t changed = db_exec(c, resource_statement(PLATFORM_TICKETS_CHANGED), w->id);
    return changed < 0 ? (int)changed : 0;
}

static void committed(struct write *w, struct db_conn *c)
{
    (void)c;
    if (concerns_tickets(w) && w->x->admin->storage != NULL)
        storage_poke(w->x->admin->storage);
}

static const struct resource platforms = {
    .label = "platform",
    .table = "platforms",
    .from = "platforms p",
    .id = "p.id",
    .key = "p.name",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .after_write = after_write,
    .committed = committed,
    .doom = storage_doom_platform,
};

const struct resource *resource_platforms(void)
{
    return &platforms;
}
