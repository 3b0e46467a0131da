/* Rows of sessions. It knows no cookies and decides nothing about what a session may. */
#include "services/admin-api/security/session.h"

#include <errno.h>
#include <string.h>

#include "services/admin-api/security/statements.h"

#define NOTE_EVERY_US INT64_C(60000000) /* of last_seen: a write for every request would be too many */

static int changed(int64_t rows)
{
    return rows < 0 ? (int)rows : 0;
}

int session_sweep(struct db_conn *c, const struct session_limits *limits, int64_t now_us)
{
    return changed(
        db_exec(c, security_statement(SESSION_SWEEP), now_us - limits->idle_us, now_us - limits->lifetime_us));
}

int session_begin(struct db_conn *c, const struct session_start *start, const struct session_limits *limits,
                  int64_t now_us, char token[OPAQUE_SIZE])
{
    char hash[OPAQUE_HASH_SIZE];
    int err = session_sweep(c, limits, now_us);

    opaque_make(token);
    opaque_hash(token, strlen(token), hash);
    if (err == 0)
        err = changed(db_exec(c, security_statement(SESSION_ADD), start->user_id, hash, start->auth_version,
                              (int64_t)start->passed_2fa, start->address, start->user_agent, now_us));
    if (err == 0)
        err = changed(db_exec(c, security_statement(SESSION_DROP_OLDEST), start->user_id, (int64_t)SESSIONS_MAX));
    return err;
}

struct found {
    struct session session;
    int64_t time_create, last_seen;
};

static int read_session(const struct db_rows *r, void *arg)
{
    struct found *f = arg;

    f->session.id = db_int(r, 0);
    f->session.user_id = db_int(r, 1);
    f->session.passed_2fa = db_int(r, 2) != 0;
    f->time_create = db_int(r, 3);
    f->last_seen = db_int(r, 4);
    return 0;
}

int session_find(struct db_conn *c, const char *token, size_t len, const struct session_limits *limits, int64_t now_us,
                 struct session *out)
{
    struct found f = {0};
    int found;

    if (len != OPAQUE_SIZE - 1) /* none of ours: not worth a look */
        return 0;
    opaque_hash(token, len, f.session.hash);
    found = db_one(c, read_session, &f, security_statement(SESSION_FIND), f.session.hash);
    if (found < 1)
        return found;
    if (now_us - f.last_seen >= limits->idle_us || now_us - f.time_create >= limits->lifetime_us)
        return 0;
    *out = f.session;
    if (now_us - f.last_seen < NOTE_EVERY_US && now_us - f.last_seen < limits->idle_us / 4)
        return 1;
    /* Not noted is no reason to refuse: a database whose disk is full can be read all the same. */
    int64_t noted = db_exec(c, security_statement(SESSION_SEEN), now_us, f.session.id);
    return noted == -ENOTCONN ? (int)noted : 1;
}

int session_keep(struct db_conn *c, int64_t id)
{
    return changed(db_exec(c, security_statement(SESSION_KEEP), id));
}

int session_renew(struct db_conn *c, int64_t id, bool passed_2fa, char token[OPAQUE_SIZE])
{
    char hash[OPAQUE_HASH_SIZE];

    opaque_make(token);
    opaque_hash(token, strlen(token), hash);
    return changed(db_exec(c, security_statement(SESSION_RENEW), hash, (int64_t)passed_2fa, id));
}

int session_end(struct db_conn *c, int64_t id)
{
    return changed(db_exec(c, security_statement(SESSION_END), id));
}

int session_end_others(struct db_conn *c, int64_t user_id, int64_t keep_id)
{
    return changed(db_exec(c, security_statement(SESSION_END_OTHERS), user_id, keep_id));
}
