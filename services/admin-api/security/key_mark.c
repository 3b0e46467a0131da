/* The mark of SECRET_KEY; see key_mark.h. */
#include "services/admin-api/security/key_mark.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "services/admin-api/security/seal.h"
#include "services/admin-api/security/statements.h"

static const char text[] = "logs-collector";

struct opening {
    const struct keyring *keys;
    enum key_purpose purpose;
    bool sealed; /* there was something to open */
    int stale;   /* a fallback opened it */
};

static int try_open(const struct db_rows *r, void *arg)
{
    struct opening *o = arg;
    size_t len = 0, plain_len = 0;
    const void *sealed = db_blob(r, 0, &len);
    void *plain = NULL;

    if (sealed == NULL)
        return 0;
    o->sealed = true;
    int err = seal_open(o->keys, o->purpose, sealed, len, &plain, &plain_len, &o->stale);
    free(plain);
    return err == -EBADMSG ? -EKEYREJECTED : err;
}

/* What stood in the database before there were marks: one of each kind, the newest. */
static int open_samples(const struct keyring *k, struct db_conn *c)
{
    const struct {
        const struct db_statement *statement;
        enum key_purpose purpose;
    } rows[] = {{security_statement(SEALED_TOTP), KEY_TOTP},
                {security_statement(SEALED_TOKEN), KEY_UPLOAD_TOKEN},
                {security_statement(SEALED_WEBHOOK), KEY_WEBHOOK}};
    int err = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && err >= 0; ++i) {
        struct opening o = {.keys = k, .purpose = rows[i].purpose};
        err = db_one(c, try_open, &o, rows[i].statement);
    }
    return err < 0 ? err : 0;
}

/* 0 in order, 1 and worth a mark of the current key, or negative. */
static int look(const struct keyring *k, struct db_conn *c)
{
    struct opening o = {.keys = k, .purpose = KEY_MARK};
    int found = db_one(c, try_open, &o, security_statement(KEY_MARK_READ));

    if (found < 0)
        return found;
    int err = o.sealed ? 0 : open_samples(k, c);
    return err < 0 ? err : !o.sealed || o.stale;
}

static int explain(int err, char *why, size_t why_size)
{
    if (err == -EKEYREJECTED)
        snprintf(why, why_size,
                 "SECRET_KEY is not the one this database was used with: second factors, upload tokens and web hooks' "
                 "secrets would stay shut; give it back, or name it in SECRET_KEY_FALLBACKS beside the new one; if it "
                 "is lost for good, admin-api accept-key goes on without them");
    return err;
}

int key_mark_check(const struct keyring *k, struct db_conn *c, char *why, size_t why_size)
{
    int state = look(k, c);
    return state < 0 ? explain(state, why, why_size) : 0;
}

int key_mark_keep(const struct keyring *k, struct db_conn *c, char *why, size_t why_size)
{
    int state = look(k, c);
    return state < 0 ? explain(state, why, why_size) : state == 1 ? key_mark_replace(k, c) : 0;
}

int key_mark_replace(const struct keyring *k, struct db_conn *c)
{
    void *sealed = NULL;
    size_t len = 0;
    int64_t done = seal(k, KEY_MARK, text, sizeof(text) - 1, &sealed, &len);

    if (done == 0)
        done = db_exec(c, security_statement(KEY_MARK_SET), (const void *)sealed, len);
    free(sealed);
    return done < 0 ? (int)done : 0;
}
