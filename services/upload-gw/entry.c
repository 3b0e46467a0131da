/* The ways into an upload: what their heads say about token, form and name. Judged fully once the token is. */
#include <errno.h>
#include <string.h>

#include "services/upload-gw/accept.h"
#include "services/upload-gw/answer.h"
#include "services/upload-gw/routes.h"
#include "services/upload-gw/upload.h"
#include "shared/http/disposition.h"
#include "shared/http/query.h"

#define NAME_RAW_MAX 4096 /* bytes of a decoded name; its last component is judged by filename_clean */

static bool is_form(const struct head *h)
{
    const struct span *type = head_find(h, "content-type", NULL);
    static const char form[] = "multipart/form-data";
    size_t len = sizeof(form) - 1;
    if (type == NULL || type->len < len)
        return false;
    return span_equals_nocase((struct span){type->data, len}, form) &&
           (type->len == len || strchr("; \t", type->data[len]) != NULL);
}

static enum gateway_error name_from_disposition(struct upload *u, const struct head *h)
{
    char raw[NAME_RAW_MAX];
    const struct span *field = head_find(h, "content-disposition", NULL);
    ssize_t n = field == NULL ? -ENOENT : disposition_param(*field, "filename", false, raw, sizeof(raw));
    if (n == -ENOENT)
        return GATEWAY_NO_FILENAME;
    if (n < 0)
        return n == -ENAMETOOLONG ? GATEWAY_NAME_TOO_LONG : GATEWAY_BAD_REQUEST;
    return body_set_contract_name(&u->body, raw, (size_t)n);
}

static enum gateway_error name_from_path(struct upload *u, struct span name)
{
    char raw[NAME_RAW_MAX];
    ssize_t n = query_decode(name, false, raw, sizeof(raw));
    if (n < 0)
        return n == -ENAMETOOLONG ? GATEWAY_NAME_TOO_LONG : GATEWAY_BAD_NAME;
    return body_set_name(&u->body, raw, (size_t)n);
}

/* `name`: from the path, or without data. */
static void begin(struct upload *u, const struct head *h, struct span name)
{
    const struct span *type = head_find(h, "content-type", NULL);
    const char *why = NULL;
    struct multipart *form = NULL;
    bool by_form = name.len == 0 && is_form(h);

    if (by_form && (form = multipart_new(*type, &why)) == NULL)
        u->problem = why != NULL ? GATEWAY_BAD_BOUNDARY : GATEWAY_UNAVAILABLE;
    body_init(&u->body, h->chunked ? -1 : h->content_length > 0 ? h->content_length : 0, form);
    u->method = by_form ? "multipart" : name.len > 0 ? "put" : "raw";
    if (!by_form)
        u->problem = name.len > 0 ? name_from_path(u, name) : name_from_disposition(u, h);
    if (u->problem == GATEWAY_OK && head_find(h, "content-range", NULL) != NULL)
        u->problem = GATEWAY_PARTIAL; /* RFC 9110 14.5: taken for the whole, a part would count as the archive */
    u->declared = u->body.left >= 0 ? u->body.left : 0;
    upload_begin(u, UPLOAD_RESERVE);
}

void upload_by_header(struct conn *c, const struct head *h)
{
    const struct span *token = head_find(h, "upload-token", NULL);
    if (token == NULL || token->len == 0) {
        answer_error(c, GATEWAY_TOKEN_MISSING, NULL);
        return;
    }
    struct upload *u = upload_new(c, h, *token);
    if (u != NULL)
        begin(u, h, (struct span){NULL, 0});
}

/* /u/<token>, /u/<token>/ and /u/<token>/<name>. */
void upload_by_path(struct conn *c, const struct head *h)
{
    struct span token = {h->path.data + strlen(c->route->path), h->path.len - strlen(c->route->path)};
    struct span name = {NULL, 0};
    const char *slash = memchr(token.data, '/', token.len);
    enum accept accept = accept_wanted(h);
    char decoded[128];

    conn_read_form(c, h);
    c->plain = c->form || accept_is_terminal(accept);
    if (slash != NULL) {
        name = (struct span){slash + 1, (size_t)(token.data + token.len - slash - 1)};
        token.len = (size_t)(slash - token.data);
    }
    ssize_t n = query_decode(token, false, decoded, sizeof(decoded));
    if (n == 0) {
        answer_error(c, GATEWAY_TOKEN_MISSING, NULL);
        return;
    }
    struct upload *u = upload_new(c, h, n < 0 ? token : (struct span){decoded, (size_t)n});
    if (u != NULL)
        begin(u, h, name);
}
