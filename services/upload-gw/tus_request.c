/* Fields of tus requests; see tus_request.h. */
#include "services/upload-gw/tus_request.h"

#include <sodium.h>
#include <string.h>

static bool number_field(const struct head *h, const char *name, int64_t *out)
{
    size_t count = 0;
    const struct span *field = head_find(h, name, &count);
    *out = -1;
    return field == NULL || (count == 1 && span_number(*field, out));
}

static bool is_part(const struct head *h)
{
    const struct span *type = head_find(h, "content-type", NULL);
    return type != NULL && span_equals_nocase(*type, "application/offset+octet-stream");
}

enum gateway_error tus_request_read(const struct head *h, struct tus_request *out)
{
    const struct span *version = head_find(h, "tus-resumable", NULL);
    int64_t defer = -1;

    *out = (struct tus_request){.offset = -1, .length = -1, .content = is_part(h)};
    if (version == NULL || !span_equals(*version, "1.0.0"))
        return GATEWAY_TUS_VERSION;
    if (!number_field(h, "upload-offset", &out->offset))
        out->why = "Upload-Offset is a number of bytes, once";
    else if (!number_field(h, "upload-length", &out->length))
        out->why = "Upload-Length is a number of bytes, once";
    else if (!number_field(h, "upload-defer-length", &defer) || (defer != -1 && defer != 1))
        out->why = "Upload-Defer-Length can only be 1";
    else if (defer == 1 && out->length >= 0)
        out->why = "Upload-Length and Upload-Defer-Length exclude each other";
    out->defers = defer == 1;
    return out->why == NULL ? GATEWAY_OK : GATEWAY_TUS_FIELD;
}

/* --- metadata --- */

static struct span trim(struct span s)
{
    while (s.len > 0 && s.data[0] == ' ') {
        ++s.data;
        --s.len;
    }
    while (s.len > 0 && s.data[s.len - 1] == ' ')
        --s.len;
    return s;
}

static bool decode(struct span value, char *out, size_t size, size_t *len)
{
    *len = 0;
    if (value.len > 0 && sodium_base642bin((unsigned char *)out, size - 1, value.data, value.len, NULL, len, NULL,
                                           sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    out[*len] = '\0';
    return true;
}

static bool key_is_new(struct span all, struct span key)
{
    while (all.len > 0) {
        const char *comma = memchr(all.data, ',', all.len);
        size_t len = comma == NULL ? all.len : (size_t)(comma - all.data);
        const char *space = memchr(all.data, ' ', len);
        size_t key_len = space == NULL ? len : (size_t)(space - all.data);
        if (key_len == key.len && memcmp(all.data, key.data, key_len) == 0)
            return false;
        all.data += comma == NULL ? len : len + 1;
        all.len -= comma == NULL ? len : len + 1;
    }
    return true;
}

static bool keep(struct tus_metadata *m, struct span pair)
{
    size_t at = strlen(m->kept);
    if (at + pair.len + 2 > sizeof(m->kept))
        return false;
    if (at > 0)
        m->kept[at++] = ',';
    memcpy(m->kept + at, pair.data, pair.len);
    m->kept[at + pair.len] = '\0';
    return true;
}

/* Static words on what is wrong with a pair; NULL: nothing. */
static const char *take_pair(struct tus_metadata *m, struct span pair)
{
    const char *space = memchr(pair.data, ' ', pair.len);
    struct span key = {pair.data, space == NULL ? pair.len : (size_t)(space - pair.data)};
    struct span value = {space == NULL ? "" : space + 1, space == NULL ? 0 : pair.len - key.len - 1};
    char other[TUS_METADATA_SIZE];
    size_t len;

    for (size_t i = 0; i < pair.len; ++i)
        if (pair.data[i] < 0x20 || pair.data[i] > 0x7e)
            return "Upload-Metadata is ASCII: a key, a space and base64";
    bool token = span_equals(key, "token");
    if (key.len == 0 || (token && m->has_token) || !key_is_new((struct span){m->kept, strlen(m->kept)}, key))
        return "the keys of Upload-Metadata are neither empty nor repeated";
    m->has_token |= token;
    if (token)
        return decode(value, m->token, sizeof(m->token), &len) ? NULL : "the token in Upload-Metadata is not base64";
    bool good = span_equals(key, "filename") ? decode(value, m->name, sizeof(m->name), &m->name_len)
                                             : decode(value, other, sizeof(other), &len);
    if (!good)
        return "the values of Upload-Metadata are base64; a file name has at most 1023 bytes";
    return keep(m, pair) ? NULL : "Upload-Metadata is longer than 4095 bytes";
}

enum gateway_error tus_metadata_read(const struct head *h, struct tus_metadata *out, const char **why)
{
    size_t count = 0;
    const struct span *field = head_find(h, "upload-metadata", &count);
    struct span rest = field == NULL ? (struct span){"", 0} : *field;

    *out = (struct tus_metadata){.name_len = 0};
    *why = "Upload-Metadata stands in one field";
    if (count > 1)
        return GATEWAY_TUS_FIELD;
    while (rest.len > 0) {
        const char *comma = memchr(rest.data, ',', rest.len);
        size_t len = comma == NULL ? rest.len : (size_t)(comma - rest.data);
        if ((*why = take_pair(out, trim((struct span){rest.data, len}))) != NULL)
            return GATEWAY_TUS_FIELD;
        rest.data += comma == NULL ? len : len + 1;
        rest.len -= comma == NULL ? len : len + 1;
    }
    return GATEWAY_OK;
}
