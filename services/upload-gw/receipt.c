/*
 * GET under /u/: the upload page for browsers, the receipt (what arrived under a token, what is left) for terminals and
 * programs, and the uploader script. Safe to open any number of times: nothing here takes an attempt.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/upload-gw/accept.h"
#include "services/upload-gw/answer.h"
#include "services/upload-gw/page.h"
#include "services/upload-gw/routes.h"
#include "services/upload-gw/uploader.h"
#include "shared/http/query.h"
#include "shared/http/token.h"
#include "shared/redis/attempts.h"

#define TEXT_TYPE "text/plain; charset=utf-8"

struct asking {
    struct conn *conn;
    enum accept accept;
    char token[TOKEN_SIZE];
    char received[SPOOL_ID_SIZE]; /* where a form led here: its upload; else empty */
};

static void iso_time(int64_t us, char out[40])
{
    time_t at = (time_t)(us / 1000000);
    struct tm tm;
    char seconds[24];
    gmtime_r(&at, &tm);
    strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, 40, "%s.%06dZ", seconds, (int)(us % 1000000));
}

/* One receipt as the API tells it; NULL: it is not one. */
static json_t *archive_of(const char *receipt)
{
    const char *name, *sha256, *id;
    json_int_t size, time_us;
    char at[40];
    json_t *r = json_loads(receipt, 0, NULL);
    json_t *archive = NULL;

    if (json_unpack(r, "{s:s, s:I, s:s, s:s, s:I}", "name", &name, "size", &size, "sha256", &sha256, "upload_id", &id,
                    "time_us", &time_us) == 0) {
        iso_time(time_us, at);
        archive = json_pack("{s:s, s:I, s:s, s:s, s:s}", "name", name, "size", size, "sha256", sha256, "upload_id", id,
                            "time_create", at);
    }
    json_decref(r);
    return archive;
}

static json_t *whole(const struct admission *a, int64_t most, const char *const *receipts, size_t count)
{
    char at[40];
    json_t *archives = json_array();
    for (size_t i = 0; i < count; ++i) {
        json_t *archive = archive_of(receipts[i]);
        if (archive != NULL)
            json_array_append_new(archives, archive);
    }
    iso_time(a->expires_ms * 1000, at);
    return json_pack("{s:I, s:s, s:I, s:I, s:b, s:s?, s:o}", "ticket", (json_int_t)a->number, "platform", a->platform,
                     "attempts", (json_int_t)a->attempts, "max_bytes",
                     (json_int_t)(a->max_bytes > 0 && a->max_bytes < most ? a->max_bytes : most), "resolved",
                     a->resolved, "expires_at", a->expires_ms > 0 ? at : NULL, "archives", archives);
}

static void print_archive(FILE *out, json_t *archive)
{
    fprintf(out, "%s  %s\n  %lld bytes, SHA-256 %s\n", json_string_value(json_object_get(archive, "time_create")),
            json_string_value(json_object_get(archive, "name")),
            (long long)json_integer_value(json_object_get(archive, "size")),
            json_string_value(json_object_get(archive, "sha256")));
}

static void answer_receipt_text(struct conn *c, const struct admission *a, json_t *receipt)
{
    char *text = NULL;
    size_t len = 0, i;
    json_t *archive, *archives = json_object_get(receipt, "archives");
    FILE *out = open_memstream(&text, &len);

    if (out == NULL) {
        answer_error(c, GATEWAY_UNAVAILABLE, NULL);
        return;
    }
    fprintf(out, "Ticket %lld: %lld attempts left%s.\n", (long long)a->number, (long long)a->attempts,
            a->resolved ? ", resolved: takes no more" : "");
    fprintf(out, "One upload may have up to %lld bytes.\n",
            (long long)json_integer_value(json_object_get(receipt, "max_bytes")));
    if (a->expires_ms > 0)
        fprintf(out, "The token works until %s.\n", json_string_value(json_object_get(receipt, "expires_at")));
    fprintf(out, json_array_size(archives) > 0 ? "Arrived, the last first:\n" : "Nothing has arrived yet.\n");
    json_array_foreach (archives, i, archive)
        print_archive(out, archive);
    if (fclose(out) == 0)
        answer_text(c, 200, TEXT_TYPE, text, len);
    else
        answer_error(c, GATEWAY_UNAVAILABLE, NULL);
    free(text);
}

static void refuse(const struct asking *asking, const struct admission *a)
{
    enum gateway_error e = a->status == ADMISSION_UNKNOWN     ? GATEWAY_NOT_FOUND
                           : a->status == ADMISSION_THROTTLED ? GATEWAY_THROTTLED
                                                              : GATEWAY_UNAVAILABLE;

    answer_error(
        asking->conn, e,
        &(struct answer_context){.retry_ms = a->retry_ms, .typed = asking->token, .sent = asking->received[0] != '\0'});
}

static void on_receipts(void *arg, const struct admission *a, const char *const *receipts, size_t count)
{
    struct asking asking = *(struct asking *)arg;
    free(arg);
    if (a->status != ADMISSION_OK) {
        refuse(&asking, a);
        return;
    }
    json_t *receipt = whole(a, asking.conn->lane->gateway->config.max_upload_size, receipts, count);
    if (asking.accept == ACCEPT_JSON) {
        answer_json(asking.conn, 200, receipt, NULL);
        return;
    }
    if (asking.accept == ACCEPT_HTML) {
        answer_page(asking.conn, 200, page_ticket(a, receipt, asking.received), "");
        return;
    }
    answer_receipt_text(asking.conn, a, receipt);
    json_decref(receipt);
}

static void read_received(const struct head *h, char out[SPOOL_ID_SIZE])
{
    struct query *q = NULL;
    const char *why = NULL, *id = NULL;

    if (h->query.data != NULL && query_parse(h->query, &q, &why) == 0)
        id = query_get(q, "received");
    snprintf(out, SPOOL_ID_SIZE, "%s", id == NULL ? "" : id);
    query_free(q);
}

static void answer_receipt(struct conn *c, const struct head *h, const char *token, enum accept accept)
{
    char hash[TOKEN_HASH_SIZE];
    struct asking *asking = calloc(1, sizeof(*asking));
    if (asking == NULL || token_hash(token, hash) < 0) {
        free(asking);
        answer_error(c, GATEWAY_UNAVAILABLE, NULL);
        return;
    }
    asking->conn = c;
    asking->accept = accept;
    memcpy(asking->token, token, sizeof(asking->token));
    read_received(h, asking->received);
    struct attempts_limits limits;
    char network[ADDRESS_NET_SIZE];
    conn_limits(c, network, &limits);
    attempts_receipts(c->lane->link, hash, &limits, on_receipts, asking);
}

static bool ends_with(struct span s, const char *end)
{
    size_t len = strlen(end);
    return s.len > len && memcmp(s.data + s.len - len, end, len) == 0;
}

/* The page that asks for a token, and says what is wrong with the one that it got. */
static void ask(struct conn *c, const char *typed)
{
    if (typed == NULL)
        answer_page(c, 200, page_ask(NULL, NULL, false), "");
    else
        answer_error(c, GATEWAY_NOT_FOUND, &(struct answer_context){.typed = typed});
}

/* /u/, /u/<token>, /u/<token>/, /u/<token>.sh */
void serve_link(struct conn *c, const struct head *h)
{
    struct span rest = {h->path.data + strlen(c->route->path), h->path.len - strlen(c->route->path)};
    enum accept accept = accept_wanted(h);
    bool script = ends_with(rest, ".sh") && memchr(rest.data, '/', rest.len) == NULL;
    char typed[128], token[TOKEN_SIZE];

    if (c->body_left != 0) {
        answer_error(c, GATEWAY_BAD_REQUEST, NULL);
        return;
    }
    if (!script)
        conn_read_form(c, h);
    if (rest.len == 0) {
        ask(c, NULL);
        return;
    }
    c->plain = !script && accept != ACCEPT_JSON;
    if (script)
        rest.len -= 3;
    else if (rest.data[rest.len - 1] == '/')
        --rest.len;
    ssize_t n = query_decode(rest, false, typed, sizeof(typed));
    if (n < 0) /* shown as it came */
        snprintf(typed, sizeof(typed), "%.*s", (int)rest.len, rest.data);
    bool is_token = n >= 0 && token_canonical((struct span){typed, (size_t)n}, token) == 0;
    if (!is_token && script)
        uploader_refuse(c, GATEWAY_NOT_FOUND);
    else if (!is_token)
        ask(c, typed);
    else if (script)
        uploader_answer(c, token);
    else
        answer_receipt(c, h, token, accept);
}

/* The token in what people paste: the whole link, or what stands last in it. */
static struct span last_part(const char *given)
{
    size_t len = strlen(given);
    while (len > 0 && strchr(" /", given[len - 1]) != NULL)
        --len;
    size_t at = len;
    while (at > 0 && strchr(" /#=", given[at - 1]) == NULL)
        --at;
    return (struct span){given + at, len - at};
}

/* A token from the page's form without JavaScript leads to the page of that token. */
void serve_token_page(struct conn *c, const struct head *h)
{
    struct query *q = NULL;
    const char *why = NULL, *given = NULL;
    char typed[128] = "", token[TOKEN_SIZE], location[sizeof("Location: /u/\r\n") + TOKEN_SIZE];

    if (c->body_left != 0) {
        answer_error(c, GATEWAY_BAD_REQUEST, NULL);
        return;
    }
    conn_read_form(c, h);
    if (h->query.data != NULL && query_parse(h->query, &q, &why) == 0)
        given = query_get(q, "token");
    struct span part = last_part(given == NULL ? "" : given);
    snprintf(typed, sizeof(typed), "%.*s", (int)part.len, part.data);
    if (token_canonical(part, token) == 0) {
        snprintf(location, sizeof(location), "Location: /u/%s\r\n", token);
        answer_empty(c, 303, location);
    } else {
        ask(c, typed[0] == '\0' ? NULL : typed);
    }
    query_free(q);
}
