/* What requests to resumable uploads are answered when all went well; refusals are errors.def's. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "services/upload-gw/answer.h"
#include "services/upload-gw/tus.h"

struct lines { /* of an answer, growing */
    char text[TUS_METADATA_SIZE + 1024];
    size_t len;
};

static void add(struct lines *l, const char *name, const char *value)
{
    int n = snprintf(l->text + l->len, sizeof(l->text) - l->len, "%s: %s\r\n", name, value);
    l->len += n > 0 && (size_t)n < sizeof(l->text) - l->len ? (size_t)n : 0;
    l->text[l->len] = '\0';
}

static void add_number(struct lines *l, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    add(l, name, text);
}

static void add_expiry(struct lines *l, const struct record_state *s)
{
    char text[40];
    time_t at = (time_t)(s->expires_us / 1000000);
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm); /* RFC 9110 5.6.7 */
    add(l, "Upload-Expires", text);
}

/* Relative: right whatever address the client knows us by. */
static void add_location(struct lines *l, const struct upload *u)
{
    char text[sizeof(TUS_PATH) + SPOOL_ID_SIZE];
    snprintf(text, sizeof(text), TUS_PATH "%s", u->id);
    add(l, "Location", text);
}

static void add_progress(struct lines *l, const struct tus *t)
{
    const struct record_state *s = &t->state;
    add_number(l, "Upload-Offset", t->finished ? t->final_size : s->offset);
    if (t->finished)
        add(l, "Upload-Sha256", t->final_sha256);
    else
        add_expiry(l, s);
}

static void add_description(struct lines *l, const struct tus *t)
{
    const struct record_state *s = &t->state;
    if (t->finished || s->length >= 0)
        add_number(l, "Upload-Length", t->finished ? t->final_size : s->length);
    else
        add(l, "Upload-Defer-Length", "1");
    if (s->metadata[0] != '\0')
        add(l, "Upload-Metadata", s->metadata);
}

enum upload_step tus_answer(struct upload *u)
{
    static const int statuses[] = {[TUS_CREATE] = 201, [TUS_HEAD] = 200, [TUS_PATCH] = 204, [TUS_DELETE] = 204};
    struct conn *c = u->conn;
    const struct tus *t = u->tus;
    struct lines l = {.len = 0};
    int status = statuses[t->verb];

    l.text[0] = '\0';
    if (t->verb == TUS_CREATE)
        add_location(&l, u);
    if (t->verb != TUS_DELETE)
        add_progress(&l, t);
    if (t->verb == TUS_HEAD)
        add_description(&l, t);
    upload_end(u);
    answer_empty(c, status, l.text);
    return UPLOAD_WAIT;
}
