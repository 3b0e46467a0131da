/* The ways into resumable uploads: methods, heads, and what can be judged of them before anything is looked up. */
#include "services/upload-gw/tus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/upload-gw/answer.h"
#include "services/upload-gw/cors.h"
#include "services/upload-gw/routes.h"
#include "shared/clock/clock.h"

#define WAIT_SLACK_MS 2000 /* beyond the lease of a holder that died */

void tus_free(struct tus *t)
{
    if (t == NULL)
        return;
    checksum_free(t->checksum);
    free(t);
}

static void begin_answer(struct conn *c, const struct head *h)
{
    c->headers = cors_lines(c->lane->gateway->cors, h, NULL);
}

/* --- what every request has --- */

static struct tus *tus_new(struct upload *u, enum tus_verb verb, const struct tus_request *request)
{
    struct tus *t = calloc(1, sizeof(*t));
    struct lane *lane = u->lane;
    if (t == NULL)
        return NULL;
    t->verb = verb;
    t->request = *request;
    t->how = verb == TUS_CREATE ? HOLD_NEW : HOLD_KNOWN;
    t->patience_ms = clock_steady_ms() + lane->gateway->config.resume_lease + WAIT_SLACK_MS;
    snprintf(t->holder, sizeof(t->holder), "%s-%lu", lane->box, ++lane->holders);
    t->hold = (struct hold){.upload_id = u->id,
                            .holder = t->holder,
                            .box = lane->box,
                            .lease_ms = lane->gateway->config.resume_lease,
                            .keep_ms = lane->gateway->config.upload_expiry + 3600000};
    u->tus = t;
    u->steps = tus_steps;
    u->method = "tus";
    return t;
}

static enum gateway_error read_checksum(struct tus *t, const struct head *h)
{
    const struct span *field = head_find(h, "upload-checksum", NULL);
    return field == NULL || checksum_new(*field, &t->checksum) == 0 ? GATEWAY_OK : GATEWAY_TUS_CHECKSUM;
}

static int64_t body_length(const struct head *h)
{
    return h->chunked ? -1 : h->content_length > 0 ? h->content_length : 0;
}

/* Reads the fields of the protocol; false: the request has been answered. */
static bool read_request(struct conn *c, const struct head *h, struct tus_request *request)
{
    begin_answer(c, h);
    enum gateway_error e = tus_request_read(h, request);
    if (e != GATEWAY_OK)
        answer_error(c, e, &(struct answer_context){.why = request->why});
    return e == GATEWAY_OK;
}

/* --- creation --- */

static enum gateway_error judge_creation(struct upload *u, const struct head *h, const struct tus_metadata *m)
{
    struct tus *t = u->tus;
    if (t->request.length < 0 && !t->request.defers) {
        u->why = "Upload-Length, or Upload-Defer-Length: 1, is needed";
        return GATEWAY_TUS_FIELD;
    }
    if (t->request.length == 0)
        return GATEWAY_EMPTY_FILE;
    if (!u->body.over && !t->request.content)
        return GATEWAY_TUS_TYPE;
    if (u->body.left > 0 && t->request.length >= 0 && u->body.left > t->request.length) {
        u->why = "the body is longer than Upload-Length";
        return GATEWAY_TUS_FIELD;
    }
    enum gateway_error e = read_checksum(t, h);
    if (e != GATEWAY_OK)
        return e;
    return m->name_len == 0 ? GATEWAY_TUS_NAME : body_set_name(&u->body, m->name, m->name_len);
}

static void fill_state(struct upload *u, const struct tus_metadata *m)
{
    struct record_state *s = &u->tus->state;
    s->version = 1;
    s->length = u->tus->request.length;
    s->started_us = u->started_us;
    memcpy(s->upload_id, u->id, sizeof(u->id));
    snprintf(s->metadata, sizeof(s->metadata), "%s", m->kept);
    snprintf(s->name, sizeof(s->name), "%s", u->body.name != NULL ? u->body.name : "");
    snprintf(s->client, sizeof(s->client), "%s", u->conn->client);
}

static void create(struct conn *c, const struct head *h, const struct tus_request *request,
                   const struct tus_metadata *metadata)
{
    const struct span *field = head_find(h, "upload-token", NULL);
    struct span token = field != NULL ? *field : (struct span){metadata->token, strlen(metadata->token)};
    struct upload *u;

    if (token.len == 0) {
        answer_error(c, GATEWAY_TOKEN_MISSING, NULL);
        return;
    }
    if ((u = upload_new(c, h, token)) == NULL)
        return;
    body_init(&u->body, body_length(h), NULL);
    u->declared = request->length > 0 ? request->length : 0;
    if (tus_new(u, TUS_CREATE, request) == NULL) {
        upload_begin(u, upload_fail(u, GATEWAY_UNAVAILABLE));
        return;
    }
    u->problem = judge_creation(u, h, metadata);
    fill_state(u, metadata);
    upload_begin(u, UPLOAD_RESERVE);
}

void tus_create(struct conn *c, const struct head *h)
{
    struct tus_request request;
    const char *why = NULL;
    struct tus_metadata *metadata;

    if (!read_request(c, h, &request))
        return;
    metadata = malloc(sizeof(*metadata));
    if (metadata == NULL)
        answer_error(c, GATEWAY_UNAVAILABLE, NULL);
    else if (tus_metadata_read(h, metadata, &why) != GATEWAY_OK)
        answer_error(c, GATEWAY_TUS_FIELD, &(struct answer_context){.why = why});
    else
        create(c, h, &request, metadata);
    free(metadata);
}

/* --- requests to an upload --- */

static enum gateway_error judge_part(struct tus *t, const struct head *h, const char **why)
{
    if (!t->request.content)
        return GATEWAY_TUS_TYPE;
    if (t->request.offset < 0) {
        *why = "Upload-Offset is needed";
        return GATEWAY_TUS_FIELD;
    }
    return read_checksum(t, h);
}

static void go_on(struct conn *c, const struct head *h, enum tus_verb verb)
{
    struct span id = {h->path.data + strlen(TUS_PATH), h->path.len - strlen(TUS_PATH)};
    struct tus_request request;
    char text[SPOOL_ID_SIZE] = "";
    struct upload *u;

    if (!read_request(c, h, &request))
        return;
    if (id.len > 0 && id.data[id.len - 1] == '/')
        --id.len;
    if (id.len == sizeof(text) - 1)
        memcpy(text, id.data, id.len);
    if (!spool_id_is_valid(text)) {
        answer_error(c, GATEWAY_NOT_FOUND, NULL);
        return;
    }
    if ((u = upload_new(c, h, (struct span){NULL, 0})) == NULL)
        return;
    memcpy(u->id, text, sizeof(text));
    body_init(&u->body, verb == TUS_PATCH ? body_length(h) : 0, NULL);
    struct tus *t = tus_new(u, verb, &request);
    enum gateway_error e = t == NULL                                ? GATEWAY_UNAVAILABLE
                           : verb != TUS_PATCH && c->body_left != 0 ? GATEWAY_BAD_REQUEST
                           : verb == TUS_PATCH                      ? judge_part(t, h, &u->why)
                                                                    : GATEWAY_OK;
    upload_begin(u, e == GATEWAY_OK ? UPLOAD_TAKE : upload_fail(u, e));
}

void tus_head(struct conn *c, const struct head *h)
{
    go_on(c, h, TUS_HEAD);
}

void tus_patch(struct conn *c, const struct head *h)
{
    go_on(c, h, TUS_PATCH);
}

void tus_delete(struct conn *c, const struct head *h)
{
    go_on(c, h, TUS_DELETE);
}

/* X-HTTP-Method-Override, for networks that let only GET and POST pass. */
void tus_override(struct conn *c, const struct head *h)
{
    static const struct {
        const char *name;
        enum tus_verb verb;
    } verbs[] = {{"HEAD", TUS_HEAD}, {"PATCH", TUS_PATCH}, {"DELETE", TUS_DELETE}};
    const struct span *name = head_find(h, "x-http-method-override", NULL);

    for (size_t i = 0; name != NULL && i < sizeof(verbs) / sizeof(verbs[0]); ++i)
        if (span_equals(*name, verbs[i].name)) {
            go_on(c, h, verbs[i].verb);
            return;
        }
    begin_answer(c, h);
    answer_error(c, GATEWAY_METHOD, &(struct answer_context){.method = "POST"});
}

void tus_options(struct conn *c, const struct head *h)
{
    char lines[1024];
    bool allowed;

    c->headers = cors_lines(c->lane->gateway->cors, h, &allowed);
    snprintf(lines, sizeof(lines),
             "Tus-Extension: " TUS_EXTENSIONS "\r\nTus-Max-Size: %lld\r\nTus-Checksum-Algorithm: " CHECKSUM_ALGORITHMS
             "\r\n%s",
             (long long)c->lane->gateway->config.max_upload_size, allowed ? CORS_PREFLIGHT : "");
    answer_empty(c, 204, lines);
}
