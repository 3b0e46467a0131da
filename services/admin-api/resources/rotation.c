/*
 * Another upload token for a ticket whose old one went astray. The old one ends at the gateway with the projection that
 * follows at once; until Redis has heard, a tombstone row keeps the sweep at it. Uploads in flight hold their attempt
 * by the ticket's id and finish.
 */
#include <errno.h>

#include "services/admin-api/http/handlers.h"
#include "services/admin-api/http/trail.h"
#include "services/admin-api/resources/resources.h"
#include "services/admin-api/resources/row.h"
#include "services/admin-api/resources/secret.h"
#include "services/admin-api/resources/statements.h"
#include "services/admin-api/storage/storage.h"

struct rotation {
    const struct exchange *x;
    const struct secret *secret;
    bool found, unchanged;
    json_t *result;
};

static int rotate(struct db_conn *c, void *arg)
{
    struct rotation *t = arg;
    const struct exchange *x = t->x;
    int64_t id;
    int err = row_find(x, &tickets_resource, c, &id);

    json_decref(t->result);
    t->result = NULL;
    t->found = err == 1;
    if (err == 1)
        err = resource_is_unchanged(x, &tickets_resource, c, id);
    t->unchanged = err == 1;
    if (err < 1)
        return err;
    err = storage_retire_token(c, id, x->now_us);
    if (err < 0)
        return err;
    int64_t changed = db_exec(c, resource_statement(TICKET_TOKEN), id, t->secret->hash, t->secret->sealed,
                              t->secret->sealed_len, x->now_us);
    if (changed < 0)
        return (int)changed;
    err = row_load(x, &tickets_resource, c, id, &t->result);
    return err < 0 ? err : trail_add(x, c, "ticket.rotate_token", x->params[0], AUDIT_OK);
}

static int answer(struct exchange *x, struct rotation *t)
{
    json_t *result = t->result;

    if (!t->found)
        return answer_error(x, API_NOT_FOUND, NULL);
    if (!t->unchanged)
        return answer_error(x, API_PRECONDITION, NULL);
    t->result = NULL;
    return answer_current(x, result);
}

int tickets_rotate_token(struct exchange *x)
{
    struct secret *secret = NULL;
    struct rotation t = {.x = x};
    struct db_conn *c;
    int err = exchange_db(x, &c);

    if (err == 0)
        err = secret_new(x->admin->keys, &secret);
    t.secret = secret;
    if (err == 0)
        err = db_transaction(c, rotate, &t);
    secret_free(secret);
    if (err == 0 && t.result != NULL && x->admin->storage != NULL)
        storage_after_delete(x->admin->storage, c);
    if (err == 0)
        err = answer(x, &t);
    json_decref(t.result);
    return err;
}
