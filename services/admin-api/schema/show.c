/* The document over HTTP: made once per process, at the first request; and the page that shows it. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/http/etag.h"
#include "services/admin-api/http/handlers.h"
#include "services/admin-api/http/host.h"
#include "services/admin-api/http/pages.h"
#include "services/admin-api/schema/build.h"
#include "services/admin-api/schema/yaml.h"
#include "shared/http/query.h"
#include "shared/log/log.h"

struct text {
    char *bytes; /* NULL: it could not be made */
    size_t len;
    char etag[ETAG_SIZE];
};

static struct text as_yaml, as_json; /* constant once made */
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Media types in the order of preference; the first is what clients of the published contract get. */
static const struct {
    const char *type, *format;
    const struct text *text;
} forms[] = {
    {"application/vnd.oai.openapi", "yaml", &as_yaml},
    {"application/yaml", "yaml", &as_yaml},
    {"application/json", "json", &as_json},
    {"application/vnd.oai.openapi+json", "json", &as_json},
};

#define FORMS (sizeof(forms) / sizeof(forms[0]))

static void keep(struct text *out, char *bytes)
{
    out->bytes = bytes;
    out->len = bytes == NULL ? 0 : strlen(bytes);
    if (bytes != NULL)
        etag_of(bytes, out->len, out->etag);
}

static void make(void)
{
    char why[256] = "out of memory";
    json_t *document = schema_document(why, sizeof(why));

    if (document == NULL) {
        log_error("schema.incomplete", LOG_S("why", why));
        return;
    }
    keep(&as_json, json_dumps(document, JSON_COMPACT));
    keep(&as_yaml, yaml_dumps(document));
    json_decref(document);
}

/* By format=, then by what Accept names, then by what it admits; FORMS: nothing. */
static size_t choose(const struct exchange *x)
{
    const char *format = query_get(x->query, "format");
    const struct span *header = exchange_header(x, "accept");
    const char *accept = header == NULL ? NULL : header->data;

    for (size_t i = 0; format != NULL && i < FORMS; ++i)
        if (strcmp(forms[i].format, format) == 0)
            return i;
    for (size_t i = 0; i < FORMS; ++i)
        if (accepts_by_name(accept, forms[i].type))
            return i;
    for (size_t i = 0; i < FORMS; ++i)
        if (accepts(accept, forms[i].type))
            return i;
    return FORMS;
}

int schema_show(struct exchange *x)
{
    const struct span *known = exchange_header(x, "if-none-match");
    size_t i = choose(x);

    if (i == FORMS)
        return answer_error(x, API_NOT_ACCEPTABLE, NULL);
    pthread_once(&once, make);
    const struct text *text = forms[i].text;
    if (text->bytes == NULL)
        return -EIO;
    int err = answer_header(x, "ETag", text->etag);
    if (err < 0)
        return err;
    if (known != NULL && etag_is_listed(*known, text->etag, true))
        return answer_empty(x, 304);
    return answer_lasting(x, forms[i].type, text->bytes, text->len);
}

int schema_swagger(struct exchange *x)
{
    return page_answer(x, "swagger.html", "no-cache");
}
