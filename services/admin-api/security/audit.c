/* One INSERT. Reading the log is the API's. */
#include "services/admin-api/security/audit.h"

#include "services/admin-api/security/statements.h"

static const char *text(const char *given)
{
    return given ? given : "";
}

int audit_write(struct db_conn *c, const struct audit_event *e, int64_t now_us)
{
    int64_t added = db_exec(c, security_statement(AUDIT_ADD), now_us, text(e->actor), text(e->action), text(e->object),
                            text(e->address), text(e->outcome));
    return added < 0 ? (int)added : 0;
}
