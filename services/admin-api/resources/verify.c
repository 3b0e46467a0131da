/*
 * POST archives/<id>/verify/: hashes the stored file again. The answer is made piece by piece, each piece a job of its
 * own that reads a bounded number of bytes and sends one blank in front of the JSON: a file of any size neither keeps
 * a worker from others nor the client waiting in silence.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/admin-api/http/handlers.h"
#include "services/admin-api/http/trail.h"
#include "services/admin-api/metrics.h"
#include "services/admin-api/resources/decode.h"
#include "services/admin-api/resources/statements.h"
#include "services/admin-api/storage/storage.h"
#include "shared/digest/digest.h"
#include "shared/log/log.h"
#include "shared/loop/server.h"

#define PIECE     (16 * 1024 * 1024) /* bytes hashed by one job */
#define BUFFER    (128 * 1024)
#define SAME_TIME 4 /* verifications: more are told to come again */

static atomic_int running;

struct verification {
    struct server_source source;
    int fd;
    int64_t size, offset; /* of the file as it is stored */
    int64_t archive_id, expected_size;
    char upload_id[STORAGE_ID_SIZE], expected[DIGEST_HEX_SIZE];
    struct digest digest;
    char *answer;
    char buffer[BUFFER];
};

static void verification_free(struct server_source *source)
{
    struct verification *v = (struct verification *)source;
    if (v->fd >= 0)
        close(v->fd);
    free(v->answer);
    free(v);
    atomic_fetch_sub(&running, 1);
}

/* Up to a piece. 1: more follows, 0: the end, negative. */
static int hash_piece(struct verification *v)
{
    for (int64_t done = 0; done < PIECE;) {
        ssize_t n = pread(v->fd, v->buffer, BUFFER, v->offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        digest_update(&v->digest, v->buffer, (size_t)n);
        v->offset += n;
        done += n;
    }
    return 1;
}

/* `err` negative: it could not be read, which is no less a finding than other bytes are. */
static int conclude(struct verification *v, int err)
{
    unsigned char hash[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE] = "";
    json_t *found = json_null();

    if (err == 0) {
        digest_final(&v->digest, hash);
        digest_hex(hash, DIGEST_SIZE, hex);
        found = json_string(hex);
    }
    bool ok = err == 0 && strcmp(hex, v->expected) == 0 && v->offset == v->expected_size;
    json_t *body = json_pack("{s:b,s:o,s:s,s:I}", "ok", (int)ok, "sha256", found, "expected", v->expected, "size",
                             (json_int_t)v->offset);
    v->answer = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    json_decref(body);
    metric_add(&admin_metrics[ok ? ADMIN_METRIC_VERIFIED_OK : ADMIN_METRIC_VERIFIED_BAD], 1);
    if (!ok)
        log_error("archive.damaged", LOG_I("archive", v->archive_id), LOG_S("upload_id", v->upload_id),
                  LOG_S("error", err < 0 ? log_errno_text(err) : NULL));
    return v->answer == NULL ? -ENOMEM : 0;
}

static int produce(struct server_source *source, const char **data, size_t *len)
{
    struct verification *v = (struct verification *)source;
    int more = v->fd < 0 ? v->fd : hash_piece(v);

    *data = " ";
    *len = 1;
    if (more == 1)
        return 1;
    more = conclude(v, more);
    *data = v->answer;
    *len = more < 0 ? 0 : strlen(v->answer);
    return more;
}

static int read_content(const struct db_rows *row, void *arg)
{
    struct verification *v = arg;
    snprintf(v->upload_id, sizeof(v->upload_id), "%s", db_text(row, 0));
    snprintf(v->expected, sizeof(v->expected), "%s", db_text(row, 1));
    v->expected_size = db_int(row, 2);
    return 0;
}

static struct verification *verification_new(void)
{
    struct verification *v = calloc(1, sizeof(*v));

    if (v == NULL)
        return NULL;
    v->source = (struct server_source){.produce = produce, .free = verification_free};
    v->fd = -ENOENT;
    digest_init(&v->digest);
    atomic_fetch_add(&running, 1);
    return v;
}

/* 1 found, 0 not, negative. */
static int find(struct exchange *x, struct verification *v)
{
    struct db_conn *c;
    int err;

    if (integer_parse_path(x->params[0], &v->archive_id) < 0)
        return 0;
    err = exchange_db(x, &c);
    if (err == 0)
        err = db_one(c, read_content, v, resource_statement(ARCHIVE_CONTENT), v->archive_id);
    if (err < 1)
        return err;
    v->fd = storage_open_archive(x->admin->storage, v->upload_id, &v->size);
    err = trail_add(x, c, "archive.verify", x->params[0], AUDIT_BEGUN);
    return err < 0 ? err : 1;
}

int archives_verify(struct exchange *x)
{
    if (atomic_load(&running) >= SAME_TIME)
        return answer_error(x, API_BUSY, NULL);
    struct verification *v = verification_new();
    int err = v == NULL ? -ENOMEM : find(x, v);

    if (err == 1)
        return answer_stream(x, 200, "application/json", &v->source, -1);
    if (v != NULL)
        verification_free(&v->source);
    return err < 0 ? err : answer_error(x, API_NOT_FOUND, NULL);
}
