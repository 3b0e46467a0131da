/*
 * Events for web hooks, written down by the transaction that makes them: what is committed will be sent, what is rolled
 * back never is. Whoever owns the connection; errors are the database's, or -ENOMEM.
 */
#ifndef LC_ADMIN_WEBHOOKS_OUTBOX_H
#define LC_ADMIN_WEBHOOKS_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "shared/db/db.h"

enum webhook_event {
#define EVENT(id, name, bit) WEBHOOK_##id = (bit),
#include "services/admin-api/webhooks/events.def"
#undef EVENT
};

#define WEBHOOK_TEST "webhook.test" /* the event of a delivery that somebody asked for */

struct webhook_event_row {
    const char *name;
    unsigned bit;
};
extern const struct webhook_event_row webhook_events[];
extern const size_t webhook_event_count;

/* Of an archive whose row is there: of one that is deleted, call it before. Nobody wants it: nothing is written. */
int webhook_queue_archive(struct db_conn *c, enum webhook_event event, const char *upload_id, int64_t now_us)
    __attribute__((warn_unused_result));
int webhook_queue_ticket(struct db_conn *c, enum webhook_event event, int64_t ticket_id, int64_t now_us)
    __attribute__((warn_unused_result));
/* To this web hook alone, enabled or not; the new delivery's id in *id. */
int webhook_queue_test(struct db_conn *c, int64_t webhook_id, int64_t now_us, int64_t *id)
    __attribute__((warn_unused_result));

#endif
