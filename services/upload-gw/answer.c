/* Answers: status line, the headers every answer carries, and a body; see answer.h. */
#include "services/upload-gw/answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/upload-gw/client_text.h"
#include "services/upload-gw/metrics.h"
#include "services/upload-gw/page.h"
#include "services/upload-gw/routes.h"
#include "services/upload-gw/template.h"
#include "shared/http/filename.h"
#include "shared/log/log.h"

#define HEAD_BYTES 1536
/* Of a page that runs no script. */
#define PAGE_POLICY                                                                                                    \
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "      \
    "'self'"

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {303, "See Other"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {423, "Locked"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {460, "Checksum Mismatch"}, /* tus 1.0.0, checksum */
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); ++i)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

/* Made once a second; the thread's own. */
static const char *http_date(void)
{
    static _Thread_local char text[40];
    static _Thread_local time_t made_for = -1;
    time_t now = time(NULL);
    struct tm tm;

    if (now != made_for && gmtime_r(&now, &tm) != NULL) {
        strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        made_for = now;
    }
    return text;
}

/* An answer to a request whose body was not read to its end closes the connection, unless all of it is here. */
static void settle_body(struct conn *c)
{
    if (c->body_left > 0 && (int64_t)c->held_len >= c->body_left) {
        c->held_len -= (size_t)c->body_left;
        memmove(c->held, c->held + c->body_left, c->held_len);
        c->body_left = 0;
    }
    if (c->body_left != 0 || c->lane->draining)
        c->keep = false;
}

/* 204 has no content, so neither length nor type (RFC 9110 8.6); what is empty is no JSON either. */
static void content_lines(char out[128], int status, const char *type, size_t len)
{
    out[0] = '\0';
    if (status != 204 && len == 0)
        snprintf(out, 128, "Content-Length: 0\r\n");
    else if (status != 204)
        snprintf(out, 128, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, len);
}

static void send_answer(struct conn *c, int status, const char *type, const char *body, size_t len, const char *more)
{
    const char *own = c->headers != NULL ? c->headers : "";
    size_t room = HEAD_BYTES + strlen(more) + strlen(own);
    char content[128], allow[64] = "", *bytes = malloc(room + len);

    settle_body(c);
    if (bytes == NULL) {
        log_error("answer.memory", LOG_I("status", status));
        conn_close(c);
        return;
    }
    content_lines(content, status, type, len);
    if (c->route != NULL)
        route_allow(c->route, allow, sizeof(allow));
    bool private = c->route != NULL && strcmp(c->route->path, "/u/") == 0;
    int head = snprintf(bytes, room,
                        "HTTP/1.1 %d %s\r\nDate: %s\r\n%sConnection: %s\r\n"
                        "%s%s%sX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: %s\r\n"
                        "Cross-Origin-Opener-Policy: same-origin\r\nCache-Control: no-store\r\n%s%s\r\n",
                        status, reason_of(status), http_date(), content, c->keep ? "keep-alive" : "close",
                        allow[0] != '\0' ? "Allow: " : "", allow, allow[0] != '\0' ? "\r\n" : "",
                        private ? "no-referrer" : "same-origin", own, more);
    size_t total = (size_t)head;
    if (len > 0 && !c->head_only) {
        memcpy(bytes + total, body, len);
        total += len;
    }
    conn_send(c, bytes, total, status);
}

void answer_text(struct conn *c, int status, const char *type, const char *text, size_t len)
{
    send_answer(c, status, type, text, len, "");
}

void answer_empty(struct conn *c, int status, const char *more_headers)
{
    send_answer(c, status, "application/json", "", 0, more_headers);
}

void answer_json(struct conn *c, int status, json_t *body, const char *more_headers)
{
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (text == NULL) {
        log_error("answer.memory", LOG_I("status", status));
        conn_close(c);
        return;
    }
    send_answer(c, status, "application/json", text, strlen(text), more_headers == NULL ? "" : more_headers);
    free(text);
}

/* The value of {name} in `context`, as text in `room`. */
static const char *placeholder(const char *name, size_t len, const struct answer_context *x, char room[24])
{
    const struct {
        const char *name, *text;
        int64_t number;
    } values[] = {{"token", x->token, 0},  {"method", x->method, 0}, {"why", x->why, 0},
                  {"name", x->name, 0},    {"sha256", x->sha256, 0}, {"number", NULL, x->number},
                  {"size", NULL, x->size}, {"left", NULL, x->left},  {"limit", NULL, x->limit}};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); ++i) {
        if (strlen(values[i].name) != len || memcmp(values[i].name, name, len) != 0)
            continue;
        if (values[i].text != NULL)
            return values[i].text;
        snprintf(room, 24, "%lld", (long long)values[i].number);
        return room;
    }
    return "";
}

static void expand(const char *text, const struct answer_context *x, char *out, size_t size)
{
    char room[24];
    size_t at = 0;

    while (*text != '\0' && at + 1 < size) {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        if (end == NULL) {
            out[at++] = *text++;
            continue;
        }
        int n = snprintf(out + at, size - at, "%s", placeholder(text + 1, (size_t)(end - text - 1), x, room));
        at = n < 0 || at + (size_t)n >= size ? size - 1 : at + (size_t)n;
        text = end + 1;
    }
    out[at] = '\0';
}

/* What a person at a terminal can do about it, where the refusal does not say so itself. */
#define HINT_NAME  "Send a file with a name: curl -T FILE HOST/u/TOKEN/ or curl --data-binary @FILE HOST/u/TOKEN/NAME"
#define HINT_TOKEN "Compare it with the token that support sent, or ask support for a new one."
#define HINT_OVER  "Nothing more can be sent with it: ask support for a new token."

static const char *const hints[GATEWAY_ERRORS] = {
    [GATEWAY_BAD_REQUEST] = HINT_NAME,
    [GATEWAY_NO_FILENAME] = HINT_NAME,
    [GATEWAY_EMPTY_FILE] = "Nothing was kept and no attempt is lost: check the file and send it again.",
    [GATEWAY_TOKEN_MISSING] = "Put the upload token into the address: curl -T FILE HOST/u/TOKEN/",
    [GATEWAY_TOKEN_INVALID] = HINT_TOKEN,
    [GATEWAY_NOT_FOUND] = HINT_TOKEN,
    [GATEWAY_RESOLVED] = HINT_OVER,
    [GATEWAY_EXPIRED] = HINT_OVER,
    [GATEWAY_TOO_LARGE] = "Send less, in several archives if need be, or ask support for a higher limit.",
};

static void answer_plain(struct conn *c, int status, const char *text, const char *more_headers)
{
    send_answer(c, status, "text/plain; charset=utf-8", text, strlen(text), more_headers);
}

void answer_page(struct conn *c, int status, json_t *values, const char *more_headers)
{
    bool app = json_is_true(json_object_get(values, "app"));
    char lines[384], *page = NULL;
    size_t len = 0;
    int err = values == NULL ? -ENOMEM : template_fill(c->lane->gateway->plain[c->language].page, values, &page, &len);

    json_decref(values);
    if (err < 0) {
        log_error("answer.memory", LOG_I("status", status));
        conn_close(c);
        return;
    }
    snprintf(lines, sizeof(lines), "Content-Security-Policy: %s\r\n%s", app ? PLAIN_POLICY : PAGE_POLICY, more_headers);
    send_answer(c, status, "text/html; charset=utf-8", page, len, lines);
    free(page);
}

/* On a page, in the words of the customer's language; false: there are none. */
static bool answer_refused(struct conn *c, enum gateway_error e, const struct answer_context *x, const char *more)
{
    bool unknown = e == GATEWAY_NOT_FOUND && x->typed != NULL;
    const char *words = c->lane->gateway->plain[c->language].of[unknown ? GATEWAY_TOKEN_INVALID : e];
    char text[FILENAME_SIZE + 512];

    if (!c->form || words == NULL)
        return false;
    expand(words, x, text, sizeof(text));
    answer_page(c, gateway_errors[e].status,
                x->typed != NULL   ? page_ask(x->typed, text, x->sent)
                : c->route == NULL ? page_lost(text)
                                   : page_refused(text),
                more);
    return true;
}

void answer_received(struct conn *c, const struct answer_context *x)
{
    const char *form = x->left < 0 ? "{name}: {size} bytes arrived, SHA-256 {sha256}\nTicket {number}.\n"
                                   : "{name}: {size} bytes arrived, SHA-256 {sha256}\n"
                                     "Ticket {number}: {left} attempts left.\n";
    char text[FILENAME_SIZE + 256];

    if (c->form) {
        answer_page(c, 201, page_arrived(x->name, x->size, x->sha256, x->number), "");
        return;
    }
    expand(form, x, text, sizeof(text));
    answer_plain(c, 201, text, "");
}

static void answer_error_text(struct conn *c, enum gateway_error e, const char *text, const char *more_headers)
{
    const char *hint = hints[e];
    char whole[512 + 160];
    snprintf(whole, sizeof(whole), "%s\n%s%s", text, hint != NULL ? hint : "", hint != NULL ? "\n" : "");
    answer_plain(c, gateway_errors[e].status, whole, more_headers);
}

void answer_error_within(struct conn *c, enum gateway_error e, const char *type, const char *before, const char *after)
{
    const struct gateway_error_row *row = &gateway_errors[e];
    const char *hint = hints[e];
    char whole[512 + 160];
    int len = snprintf(whole, sizeof(whole), "%s%s%s%s%s", before, row->text, hint != NULL ? " " : "",
                       hint != NULL ? hint : "", after);

    count_refusal(e);
    answer_text(c, row->status, type, whole, (size_t)len < sizeof(whole) ? (size_t)len : sizeof(whole) - 1);
}

void answer_error(struct conn *c, enum gateway_error e, const struct answer_context *context)
{
    static const struct answer_context nothing = {0};
    const struct gateway_error_row *row = &gateway_errors[e];
    const struct answer_context *x = context != NULL ? context : &nothing;
    char text[512], retry[48] = "";
    int64_t seconds = x->retry_ms > 0 ? (x->retry_ms + 999) / 1000 : row->retry_after;

    count_refusal(e);
    expand(row->text, x, text, sizeof(text));
    if (seconds > 0)
        snprintf(retry, sizeof(retry), "Retry-After: %lld\r\n", (long long)seconds);
    if (answer_refused(c, e, x, retry))
        return;
    if (c->plain) {
        answer_error_text(c, e, text, retry);
        return;
    }
    json_t *body = json_object();
    if (row->field != NULL)
        json_object_set_new(body, row->field, json_pack("[o]", client_text(text)));
    else
        json_object_set_new(body, "detail", client_text(text));
    if (row->code != NULL)
        json_object_set_new(body, "code", json_string(row->code));
    answer_json(c, row->status, body, retry);
}
