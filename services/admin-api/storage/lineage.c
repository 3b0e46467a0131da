/*
 * Lineage: whether what Redis holds was told by this database. A Redis kept from another database, or from before a
 * backup was restored, has tombstones of tickets that live, and newer revs: it is emptied once and projected to anew.
 * The database counts what was told before Redis hears the number, so that Redis never has the larger one of a database
 * that did not go back.
 */
#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "shared/log/log.h"
#include "shared/redis/attempts.h"

#define NAME_BYTES 16

static atomic_bool told; /* since it was counted last */

void lineage_note_told(void)
{
    atomic_store(&told, true);
}

static int take(const struct db_rows *r, void *arg)
{
    struct lineage *l = arg;
    snprintf(l->name, sizeof(l->name), "%s", db_text(r, 0));
    l->told = db_int(r, 1);
    return 0;
}

static int read_own(struct db_conn *c, struct lineage *out)
{
    int found = db_one(c, take, out, storage_statement(LINEAGE_READ));
    return found < 0 ? found : found == 1 ? 0 : -EIO;
}

/* A Redis that remembers nothing, not even an epoch, is nobody's: it is marked and left as gateways fill it again. With
 * an epoch it was filled by a release that marked nothing. */
static int mark_empty(struct db_conn *c, struct redis_client *client)
{
    char epoch[64];
    struct lineage ours;
    int err = attempts_epoch_get(client, epoch);
    if (err != -ENOENT)
        return err < 0 ? err : 1;
    err = read_own(c, &ours);
    return err < 0 ? err : attempts_lineage_set(client, &ours, 1);
}

/* Redis is read first: what it has was counted in the database before. 1, 0 or negative. */
static int is_strange(struct db_conn *c, struct redis_client *client)
{
    struct lineage theirs, ours;
    int err = attempts_lineage_get(client, &theirs);
    if (err < 0)
        return err == -ENOENT ? mark_empty(c, client) : err;
    err = read_own(c, &ours);
    return err < 0 ? err : strcmp(ours.name, theirs.name) != 0 || theirs.told > ours.told;
}

struct adoption {
    struct redis_client *client;
    bool certain, taken;
};

/* The row stays locked until Redis is marked: of several services one empties it, the others find it done. A new name,
 * so that a later return to the history left here is noticed too. After a crash in between the names differ. */
static int adopt(struct db_conn *c, void *arg)
{
    struct adoption *a = arg;
    unsigned char noise[NAME_BYTES];
    struct lineage fresh = {.told = 0}, none = {.name = "none"};
    int strange = a->certain ? 1 : is_strange(c, a->client);
    a->taken = strange == 1;
    if (strange != 1)
        return strange;
    randombytes_buf(noise, sizeof(noise));
    sodium_bin2hex(fresh.name, sizeof(fresh.name), noise, sizeof(noise));
    int64_t n = db_exec(c, storage_statement(LINEAGE_NEW), fresh.name);
    int err = n < 0 ? (int)n : attempts_lineage_set(a->client, &none, 1);
    if (err == 0)
        err = attempts_clear(a->client);
    return err < 0 ? err : attempts_lineage_set(a->client, &fresh, 1);
}

int lineage_begin(struct db_conn *c, struct redis_client *client)
{
    struct adoption a = {.client = client, .certain = true};
    return db_transaction(c, adopt, &a);
}

int lineage_check(struct db_conn *c, struct redis_client *client, bool certain)
{
    struct adoption a = {.client = client, .certain = certain};
    int strange = certain ? 1 : is_strange(c, client);
    if (strange != 1)
        return strange;
    int err = db_transaction(c, adopt, &a);
    if (err < 0 || !a.taken)
        return err;
    ADMIN_COUNT(LINEAGES);
    log_warn("redis.taken_over",
             LOG_S("why", "what Redis held was told by another database, or by a newer state of this one; it is filled "
                          "anew. If this comes again, two databases use one Redis: give each its own REDIS_URL"));
    return 0;
}

int lineage_count(struct db_conn *c, struct redis_client *client)
{
    struct lineage l;
    if (!atomic_exchange(&told, false))
        return 0;
    int found = db_one(c, take, &l, storage_statement(LINEAGE_TOLD));
    int err = found < 0 ? found : found == 1 ? attempts_lineage_set(client, &l, 0) : -EIO;
    if (err < 0)
        lineage_note_told();
    return err;
}
