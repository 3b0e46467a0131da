/* From a request to an audit event. What is worth a line is the handlers' to say. */
#include "services/admin-api/http/trail.h"

int trail_add(const struct exchange *x, struct db_conn *c, const char *action, const char *object, const char *outcome)
{
    const struct audit_event event = {
        .actor = x->who.username, .action = action, .object = object, .address = x->client, .outcome = outcome};
    return audit_write(c, &event, x->now_us);
}
