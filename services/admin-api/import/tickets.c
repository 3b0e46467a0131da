/* Platforms and tickets of 0.1.0. Tokens stay what they are, so customers' links and scripts go on working. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/import/import.h"
#include "services/admin-api/import/statements.h"
#include "services/admin-api/security/seal.h"
#include "shared/http/token.h"

#define ATTEMPTS_MAX   10
#define TOKEN_IS_TAKEN "ticket %" PRId64 ": its token is that of another ticket here"

enum {
    OLD_NUMBER,
    OLD_RESOLVED,
    OLD_NOTE,
    OLD_TOKEN,
    OLD_ATTEMPTS,
    OLD_CREATED,
    OLD_UPDATED,
    OLD_PLATFORM,
    OLD_USER,
    OLD_HAS_PLATFORM
};

/* 1 or 0, as adding it would say. */
static int would_add_platform(struct import *i, const struct db_rows *row)
{
    int found = IMPORT_FIND(i, NULL, NULL, import_statement(PLATFORM_FIND), db_text(row, 0));
    return found < 0 ? found : !found;
}

static int each_platform(struct import *i, const struct db_rows *row)
{
    int64_t added = i->dry_run ? would_add_platform(i, row)
                               : db_exec(i->ours, import_statement(PLATFORM_ADD), db_text(row, 0), db_text(row, 1));

    if (added < 0)
        return (int)added;
    if (added > 0)
        import_taken(i);
    else
        import_known(i);
    return 0;
}

int import_platforms(struct import *i)
{
    return import_each(i, import_statement(OLD_PLATFORMS), each_platform);
}

/* --- tickets --- */

static int64_t attempts_of(const struct db_rows *old)
{
    int64_t left = db_int(old, OLD_ATTEMPTS);
    return left < 0 ? 0 : left > ATTEMPTS_MAX ? ATTEMPTS_MAX : left;
}

struct here {
    const struct db_rows *old;
    const char *hash; /* of the old row's token */
    bool is_same;
    struct import_difference differs;
};

static int compare(const struct db_rows *r, void *arg)
{
    struct here *h = arg;

    h->is_same = strcmp(db_text(r, 1), h->hash) == 0;
    import_compare(&h->differs, "resolved", db_int(h->old, OLD_RESOLVED), db_int(r, 2));
    import_compare(&h->differs, "attempts", attempts_of(h->old), db_int(r, 3));
    return 0;
}

/* 1: it may be added; 0: it is here, or stands in the way, and was counted. */
static int may_add(struct import *i, const struct db_rows *old, const char *hash)
{
    struct here here = {.old = old, .hash = hash};
    char what[64];
    int64_t number = db_int(old, OLD_NUMBER);
    int found = IMPORT_FIND(i, compare, &here, import_statement(TICKET_FIND), number);

    if (found == 0)
        return 1;
    if (found < 0)
        return found;
    if (!here.is_same) {
        import_failed(i, "ticket %" PRId64 ": there is another ticket of this number here; rename one of the two",
                      number);
        return 0;
    }
    import_known(i);
    snprintf(what, sizeof(what), "ticket %" PRId64, number);
    import_differs(i, what, &here.differs);
    return 0;
}

static int add(struct import *i, const struct db_rows *r, const char *token, const char *hash)
{
    void *sealed = NULL;
    size_t sealed_len = 0;
    int64_t created = import_time(db_text(r, OLD_CREATED));
    int64_t number = db_int(r, OLD_NUMBER);
    int err = seal(i->admin->keys, KEY_UPLOAD_TOKEN, token, TOKEN_SIZE - 1, &sealed, &sealed_len);

    if (err < 0)
        return err;
    int64_t added = db_exec(i->ours, import_statement(TICKET_ADD), number, db_int(r, OLD_RESOLVED),
                            db_text(r, OLD_NOTE), hash, (const void *)sealed, sealed_len, attempts_of(r), created,
                            import_time(db_text(r, OLD_UPDATED)), db_text(r, OLD_PLATFORM), db_text(r, OLD_USER));
    free(sealed);
    if (added == -EEXIST)
        import_failed(i, TOKEN_IS_TAKEN, number);
    else if (added == 0)
        import_failed(i, "ticket %" PRId64 ": its platform %s is missing", number, db_text(r, OLD_PLATFORM));
    else if (added > 0)
        import_taken(i);
    return added < 0 && added != -EEXIST ? (int)added : 0;
}

static int try_only(struct import *i, int64_t number, const char *hash)
{
    int found = IMPORT_FIND(i, NULL, NULL, import_statement(TICKET_BY_TOKEN), hash);

    if (found == 1)
        import_failed(i, TOKEN_IS_TAKEN, number);
    else if (found == 0)
        import_taken(i);
    return found < 0 ? found : 0;
}

/* 1: user and platform, which it stands on, are there; 0: not, and it was counted. */
static int is_whole(struct import *i, const struct db_rows *r)
{
    int64_t number = db_int(r, OLD_NUMBER);
    const char *platform = db_text(r, OLD_PLATFORM);

    if (db_is_null(r, OLD_USER)) {
        import_failed(i, "ticket %" PRId64 ": its user is gone from the old database; give it another one there",
                      number);
        return 0;
    }
    if (db_int(r, OLD_HAS_PLATFORM))
        return 1;
    int found = IMPORT_FIND(i, NULL, NULL, import_statement(PLATFORM_FIND), platform);
    if (found == 0)
        import_failed(i, "ticket %" PRId64 ": its platform %s is gone from the old database; make it here, then repeat",
                      number, platform);
    return found;
}

static int take(struct import *i, const struct db_rows *row)
{
    char token[TOKEN_SIZE], hash[TOKEN_HASH_SIZE];
    const char *text = db_text(row, OLD_TOKEN);

    if (token_canonical((struct span){text, strlen(text)}, token) < 0 || token_hash(token, hash) < 0) {
        import_failed(i, "ticket %" PRId64 ": its token is no UUID", db_int(row, OLD_NUMBER));
        return 0;
    }
    int may = may_add(i, row, hash);
    if (may == 1)
        may = is_whole(i, row);
    if (may < 1)
        return may;
    return i->dry_run ? try_only(i, db_int(row, OLD_NUMBER), hash) : add(i, row, token, hash);
}

static int each_ticket(struct import *i, const struct db_rows *row)
{
    int64_t failed = i->failed;
    int err = take(i, row);

    return err == 0 && i->dry_run && i->failed > failed ? import_refuse(i, db_int(row, OLD_NUMBER)) : err;
}

int import_tickets(struct import *i)
{
    return import_each(i, import_statement(OLD_TICKETS), each_ticket);
}
