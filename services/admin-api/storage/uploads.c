/*
 * Uploads under way, for the engineer who has the customer on the phone: Redis knows which hold an attempt, the spool
 * how far they are. Reads only; nothing here decides about an upload.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "services/admin-api/storage/internal.h"
#include "shared/redis/attempts.h"

struct open_ids {
    int64_t ticket_id;
    char **ids;
    size_t count;
};

static int run_list(struct storage *s, struct db_conn *c, void *arg)
{
    struct open_ids *o = arg;
    (void)c;
    return attempts_open_uploads(s->quick, o->ticket_id, &o->ids, &o->count);
}

static int show(struct storage *s, const char *id, int (*each)(void *arg, const struct storage_upload *u), void *arg)
{
    struct storage_upload u = {.length = -1};
    if (!spool_id_is_valid(id))
        return 0;
    snprintf(u.upload_id, sizeof(u.upload_id), "%s", id);
    int err = store_peek(s, &u); /* not there yet, or published since Redis was asked: nothing is known of its bytes */
    return err < 0 && err != -ENOENT ? err : each(arg, &u);
}

int storage_uploads(struct storage *s, int64_t ticket_id, int (*each)(void *arg, const struct storage_upload *u),
                    void *arg)
{
    struct open_ids open = {.ticket_id = ticket_id};
    int err = storage_quickly(s, run_list, NULL, &open);
    for (size_t i = 0; i < open.count; ++i) {
        if (err >= 0)
            err = show(s, open.ids[i], each, arg);
        free(open.ids[i]);
    }
    free(open.ids);
    return err < 0 ? err : 0;
}
