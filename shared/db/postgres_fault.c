/* What PostgreSQL's error codes mean in the interface; see the table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/db/postgres.h"

/* By SQLSTATE or its beginning, the first that fits (PostgreSQL manual, appendix A). */
static const struct {
    const char *state;
    int err;
    bool breaks; /* the connection is of no use any more */
} classes[] = {
    {"23505", -EEXIST, false},    /* unique_violation */
    {"23", -ENOKEY, false},       /* integrity constraints */
    {"22", -ENOKEY, false},       /* data: out of range, invalid bytes */
    {"42804", -ENOKEY, false},    /* datatype_mismatch */
    {"40001", -EBUSY, false},     /* serialization_failure */
    {"40P01", -EBUSY, false},     /* deadlock_detected */
    {"55P03", -EBUSY, false},     /* lock_not_available */
    {"0A000", -EBUSY, true},      /* a cached plan's columns changed: another process migrated */
    {"26000", -EBUSY, true},      /* a prepared statement is gone: somebody said DISCARD */
    {"57014", -ETIMEDOUT, false}, /* query_canceled */
    {"25006", -EROFS, true},      /* read_only_sql_transaction: after a failover another host may be the one to write */
    {"25P03", -ENOTCONN, true},   /* idle_in_transaction_session_timeout */
    {"53100", -ENOSPC, false},    /* disk_full */
    {"53300", -ENOTCONN, true},   /* too_many_connections */
    {"57P", -ENOTCONN, true},     /* shutdown, crash, cannot_connect_now, database_dropped */
    {"08", -ENOTCONN, true},      /* connection exceptions */
};

static int class_of(struct db_link *l, const char *state)
{
    if (state == NULL) { /* libpq's own words */
        l->is_broken |= PQstatus(l->conn) != CONNECTION_OK;
        return l->is_broken ? -ENOTCONN : -EIO;
    }
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); ++i) {
        if (strncmp(state, classes[i].state, strlen(classes[i].state)) == 0) {
            l->is_broken |= classes[i].breaks;
            return classes[i].err;
        }
    }
    return -EIO;
}

/* Table and, from "Key (ticket_id, name)=(1, x) already exists." in any language, columns: "archives.ticket_id,name".
 */
static void note_conflict(struct db_fault *f, const PGresult *result)
{
    const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *p = detail == NULL ? NULL : strchr(detail, '(');
    const char *end = p == NULL ? NULL : strstr(p, ")=(");
    int n = snprintf(f->conflict, sizeof(f->conflict), "%s.", table == NULL ? "" : table);
    for (size_t at = (size_t)n; end != NULL && ++p < end && at < sizeof(f->conflict) - 1;) {
        if (*p == ' ' && p[-1] == ',')
            continue;
        f->conflict[at++] = *p;
        f->conflict[at] = '\0';
    }
}

int postgres_failed(struct db_link *l, const PGresult *result)
{
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    int err = class_of(l, state);
    if (err == -EEXIST)
        note_conflict(l->fault, result);
    if (err == -ETIMEDOUT)
        return db_fault_set(l->fault, err, "the statement took longer than %u ms", l->place->timeout_ms);
    return db_fault_set(l->fault, err, "%s", message == NULL ? PQerrorMessage(l->conn) : message);
}
