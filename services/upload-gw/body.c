/* Framing, then form, then sink; see body.h. */
#include "services/upload-gw/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void body_init(struct body *b, int64_t content_length, struct multipart *form)
{
    *b = (struct body){.left = content_length, .form = form, .over = content_length == 0};
    chunked_init(&b->chunked);
}

void body_free(struct body *b)
{
    multipart_free(b->form);
    free(b->name);
    b->form = NULL;
    b->name = NULL;
}

size_t body_wants(const struct body *b, size_t most)
{
    return b->left >= 0 && b->left < (int64_t)most ? (size_t)b->left : most;
}

enum gateway_error body_set_name(struct body *b, const char *raw, size_t len)
{
    char clean[FILENAME_SIZE];
    ssize_t n = filename_clean(raw, len, clean);
    free(b->name);
    b->name = n > 0 ? strdup(clean) : NULL;
    if (n > 0)
        return b->name != NULL ? GATEWAY_OK : GATEWAY_STORAGE;
    return n == -ENAMETOOLONG ? GATEWAY_NAME_TOO_LONG : GATEWAY_BAD_NAME;
}

enum gateway_error body_set_contract_name(struct body *b, const char *raw, size_t len)
{
    enum gateway_error e = body_set_name(b, raw, len);
    return e == GATEWAY_BAD_NAME ? GATEWAY_BAD_REQUEST : e;
}

/* A part is the archive if it is named `file` and has a file name. Of two, one would be gone without a word. */
static enum gateway_error begin_part(struct body *b, struct sink *sink)
{
    const char *name = multipart_name(b->form), *filename = multipart_filename(b->form);
    b->in_file = name != NULL && strcmp(name, "file") == 0 && filename != NULL;
    if (!b->in_file)
        return GATEWAY_OK;
    if (sink->size > 0)
        return GATEWAY_ONE_FILE;
    return body_set_contract_name(b, filename, strlen(filename));
}

static enum gateway_error feed_form(struct body *b, const char *data, size_t len, struct sink *sink)
{
    const char *payload;
    size_t payload_len;
    enum gateway_error e = GATEWAY_OK;

    while (e == GATEWAY_OK) {
        switch (multipart_next(b->form, &data, &len, &payload, &payload_len)) {
        case MULTIPART_PART:
            e = begin_part(b, sink);
            break;
        case MULTIPART_DATA:
            if (b->in_file)
                e = sink_write(sink, payload, payload_len);
            break;
        case MULTIPART_PART_END:
            b->in_file = false;
            break;
        case MULTIPART_END:
            b->form_over = true;
            return GATEWAY_OK;
        case MULTIPART_MORE:
            return GATEWAY_OK;
        case MULTIPART_BAD:
            return GATEWAY_BAD_REQUEST;
        }
    }
    return e;
}

static enum gateway_error feed_content(struct body *b, const char *data, size_t len, struct sink *sink)
{
    if (b->form == NULL)
        return sink_write(sink, data, len);
    return b->form_over ? GATEWAY_OK : feed_form(b, data, len, sink); /* after the end comes the epilogue */
}

static enum gateway_error feed_chunked(struct body *b, const char *data, size_t len, size_t *used, struct sink *sink)
{
    const char *at = data, *payload;
    size_t left = len, payload_len;
    enum gateway_error e = GATEWAY_OK;

    for (;;) {
        switch (chunked_next(&b->chunked, &at, &left, &payload, &payload_len)) {
        case CHUNKED_PAYLOAD:
            e = feed_content(b, payload, payload_len, sink);
            if (e == GATEWAY_OK)
                continue;
            break;
        case CHUNKED_END:
            b->over = true;
            break;
        case CHUNKED_BAD:
            e = GATEWAY_BAD_CHUNK;
            break;
        case CHUNKED_MORE:
            break;
        }
        *used = len - left;
        return e;
    }
}

enum gateway_error body_feed(struct body *b, const char *data, size_t len, size_t *used, struct sink *sink)
{
    if (b->left < 0)
        return feed_chunked(b, data, len, used, sink);
    size_t take = body_wants(b, len);
    b->left -= (int64_t)take;
    b->over = b->left == 0;
    *used = take;
    return take == 0 ? GATEWAY_OK : feed_content(b, data, take, sink);
}

enum gateway_error body_verdict(const struct body *b, const struct sink *sink)
{
    if (b->form != NULL && (!b->form_over || b->name == NULL))
        return GATEWAY_BAD_REQUEST;
    return sink->size == 0 ? GATEWAY_EMPTY_FILE : GATEWAY_OK;
}
