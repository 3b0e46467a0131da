/*
 * Pages and assets to browsers. A page is whatever address the panel's own router may understand; assets carry a hash
 * in their names and never change. No page holds data: those come from the API, with the rights of who asks.
 */
#include "services/admin-api/http/pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/http/handlers.h"
#include "services/admin-api/http/host.h"
#include "services/admin-api/http/site.h"
#include "shared/loop/server.h"

/* No script, style or frame but from files of ours; data: are the icons in style sheets and QR codes. */
#define POLICY                                                                                                         \
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "               \
    "frame-ancestors 'none'"

#define PANEL "index.html"

struct bytes_source {
    struct server_source source;
    const char *bytes;
    size_t len;
};

static int produce(struct server_source *source, const char **data, size_t *len)
{
    const struct bytes_source *s = (struct bytes_source *)source;
    *data = s->bytes;
    *len = s->len;
    return 0;
}

static void release(struct server_source *source)
{
    free(source);
}

static int answer_bytes(struct exchange *x, int status, const char *type, const char *bytes, size_t len)
{
    struct bytes_source *s = malloc(sizeof(*s));

    if (s == NULL)
        return -ENOMEM;
    *s = (struct bytes_source){.source = {.produce = produce, .free = release}, .bytes = bytes, .len = len};
    return answer_stream(x, status, type, &s->source, (int64_t)len);
}

int answer_lasting(struct exchange *x, const char *type, const char *bytes, size_t len)
{
    return answer_bytes(x, 200, type, bytes, len);
}

static enum site_coding choose(const struct exchange *x, const struct site_file *file)
{
    const struct span *accept = exchange_header(x, "accept-encoding");

    for (enum site_coding c = 0; accept != NULL && c < SITE_PLAIN; ++c)
        if (file->forms[c].bytes != NULL && accepts_by_name(accept->data, site_coding_name(c)))
            return c;
    return SITE_PLAIN;
}

static int add_headers(struct exchange *x, const struct site_form *form, enum site_coding coding, const char *cache)
{
    const char *const rows[][2] = {
        {"ETag", form->etag},
        {"Cache-Control", cache},
        {"Content-Security-Policy", POLICY},
        {"Content-Encoding", site_coding_name(coding)},
    };
    int err = 0;

    x->vary = "Accept-Encoding";
    for (size_t i = 0; err == 0 && i < sizeof(rows) / sizeof(rows[0]); ++i)
        if (rows[i][1] != NULL)
            err = answer_header(x, rows[i][0], rows[i][1]);
    return err;
}

int page_answer(struct exchange *x, const char *path, const char *cache)
{
    const struct site_file *file = site_find(x->admin->site, path);
    const struct span *known = exchange_header(x, "if-none-match");

    if (file == NULL)
        return answer_error(x, API_NOT_FOUND, NULL);
    enum site_coding coding = choose(x, file);
    const struct site_form *form = file->forms + coding;
    int err = add_headers(x, form, coding, cache);
    if (err < 0)
        return err;
    if (known != NULL && etag_is_listed(*known, form->etag, true))
        return answer_empty(x, 304);
    return answer_lasting(x, file->type, form->bytes, form->len);
}

int page_panel(struct exchange *x)
{
    return page_answer(x, PANEL, "no-cache");
}

bool page_is_wanted(const struct exchange *x)
{
    static const char api[] = "/api/";
    const struct span *accept = exchange_header(x, "accept");

    if (x->method != METHOD_GET && x->method != METHOD_HEAD)
        return false;
    if (x->path.len >= strlen(api) && memcmp(x->path.data, api, strlen(api)) == 0)
        return false;
    return accept != NULL && accepts_by_name(accept->data, "text/html") && site_find(x->admin->site, PANEL) != NULL;
}

/* No ETag: what a client keeps of it would be good for every wrong address. */
static int answer_refused(struct exchange *x, int status)
{
    const struct site_file *file = site_find(x->admin->site, PANEL);
    const struct site_form *form = file->forms + SITE_PLAIN;
    int err = answer_header(x, "Cache-Control", "no-cache");

    if (err == 0)
        err = answer_header(x, "Content-Security-Policy", POLICY);
    return err < 0 ? err : answer_bytes(x, status, file->type, form->bytes, form->len);
}

int page_refuse(struct exchange *x, enum api_error id)
{
    return page_is_wanted(x) ? answer_refused(x, api_errors[id].status) : answer_error(x, id, NULL);
}

int page_lost(struct exchange *x)
{
    return page_refuse(x, API_NOT_FOUND);
}

int page_asset(struct exchange *x)
{
    char path[EXCHANGE_PARAM_SIZE + sizeof("assets/")];
    snprintf(path, sizeof(path), "assets/%s", x->params[0]);
    return page_answer(x, path, "public, max-age=31536000, immutable");
}
