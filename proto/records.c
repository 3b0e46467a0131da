/*
 * Encoders and decoders of every record, made from records.def: msgpack-c writes, reader.c reads.
 * A record that decodes is complete and typed; whether it makes sense is for whoever asked.
 */
#include "proto/records.h"

#include <errno.h>
#include <msgpack.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "proto/reader.h"

enum field_type { FIELD_INT, FIELD_STRING, FIELD_BYTES };

struct source {
    unsigned tag;
    enum field_type type;
    size_t size;
    const void *value; /* int64_t, char[size] or struct record_bytes */
};

struct sink {
    unsigned tag;
    enum field_type type;
    size_t size;
    void *value;
    bool seen;
};

/* No NUL, and UTF-8 as RFC 3629 has it. */
static bool is_text(const void *data, size_t len)
{
    return !memchr(data, 0, len) && !u8_check(data, len);
}

static int pack_string(msgpack_packer *packer, const struct source *field)
{
    size_t len = strnlen(field->value, field->size);

    if (len == field->size || !is_text(field->value, len))
        return -EINVAL;
    return msgpack_pack_str_with_body(packer, field->value, len) ? -ENOMEM : 0;
}

static int pack_bytes(msgpack_packer *packer, const struct source *field)
{
    const struct record_bytes *bytes = field->value;

    if (bytes->len != field->size)
        return -EINVAL;
    return msgpack_pack_bin_with_body(packer, bytes->data, bytes->len) ? -ENOMEM : 0;
}

static int pack_field(msgpack_packer *packer, const struct source *field)
{
    if (msgpack_pack_unsigned_int(packer, field->tag))
        return -ENOMEM;
    switch (field->type) {
    case FIELD_INT:
        return msgpack_pack_int64(packer, *(const int64_t *)field->value) ? -ENOMEM : 0;
    case FIELD_STRING:
        return pack_string(packer, field);
    case FIELD_BYTES:
        return pack_bytes(packer, field);
    }
    return -EINVAL;
}

static int encode(const struct source *fields, size_t count, void **out, size_t *len)
{
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    int err;

    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    err = msgpack_pack_map(&packer, count) ? -ENOMEM : 0;
    for (size_t i = 0; !err && i < count; i++)
        err = pack_field(&packer, &fields[i]);
    if (!err) {
        *len = buffer.size;
        *out = msgpack_sbuffer_release(&buffer);
    }
    msgpack_sbuffer_destroy(&buffer);
    return err;
}

static int read_int(const struct reader_head *head, struct sink *field)
{
    if (head->kind != READER_UINT && head->kind != READER_INT)
        return -EBADMSG;
    if (head->kind == READER_UINT && head->value > INT64_MAX)
        return -EMSGSIZE;
    memcpy(field->value, &head->value, sizeof(head->value));
    return 0;
}

static int read_string(struct reader *r, const struct reader_head *head, struct sink *field)
{
    const void *data = head->kind == READER_STRING ? reader_take(r, head->count) : NULL;
    char *out = field->value;

    if (!data || !is_text(data, head->count))
        return -EBADMSG;
    if (head->count >= field->size)
        return -EMSGSIZE;
    memcpy(out, data, head->count);
    out[head->count] = '\0';
    return 0;
}

static int read_bytes(struct reader *r, const struct reader_head *head, struct sink *field)
{
    const void *data = head->kind == READER_BYTES ? reader_take(r, head->count) : NULL;
    struct record_bytes *out = field->value;

    if (!data)
        return -EBADMSG;
    if (head->count != field->size)
        return -EMSGSIZE;
    memcpy(out->data, data, head->count);
    out->len = head->count;
    return 0;
}

static struct sink *find_sink(struct sink *fields, size_t count, const struct reader_head *tag)
{
    for (size_t i = 0; i < count; i++) {
        if (tag->kind == READER_UINT && tag->value == fields[i].tag)
            return &fields[i];
    }
    return NULL;
}

/* One pair of the map. A tag seen before is refused: two readers might differ on which one counts. */
static int decode_pair(struct reader *r, struct sink *fields, size_t count)
{
    struct reader_head tag, value;
    struct sink *field;

    if (!reader_head(r, &tag) || (tag.kind != READER_UINT && tag.kind != READER_INT) || !reader_head(r, &value))
        return -EBADMSG;
    field = find_sink(fields, count, &tag);
    if (!field)
        return reader_skip(r, &value) ? 0 : -EBADMSG;
    if (field->seen)
        return -EBADMSG;
    field->seen = true;
    switch (field->type) {
    case FIELD_INT:
        return read_int(&value, field);
    case FIELD_STRING:
        return read_string(r, &value, field);
    case FIELD_BYTES:
        return read_bytes(r, &value, field);
    }
    return -EBADMSG;
}

static int decode(const void *data, size_t len, struct sink *fields, size_t count)
{
    struct reader r = {.data = data, .left = len};
    struct reader_head map;

    if (!reader_head(&r, &map) || map.kind != READER_MAP)
        return -EBADMSG;
    for (uint64_t i = 0; i < map.count; i++) {
        int err = decode_pair(&r, fields, count);

        if (err)
            return err;
    }
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].seen)
            return -EBADMSG;
    }
    return r.left == 0 ? 0 : -EBADMSG;
}

#define FIELD(tag, type, name, size) {tag, FIELD_##type, size, &r->name},
#define RECORD(name, fields)                                                                                           \
    int record_##name##_encode(const struct record_##name *r, void **out, size_t *len)                                 \
    {                                                                                                                  \
        const struct source sources[] = {fields};                                                                      \
                                                                                                                       \
        return encode(sources, sizeof(sources) / sizeof(sources[0]), out, len);                                        \
    }
#include "proto/records.def"
#undef FIELD
#undef RECORD

#define FIELD(tag, type, name, size) {tag, FIELD_##type, size, &r->name, false},
#define RECORD(name, fields)                                                                                           \
    int record_##name##_decode(const void *data, size_t len, struct record_##name *r)                                  \
    {                                                                                                                  \
        struct sink sinks[] = {fields};                                                                                \
                                                                                                                       \
        memset(r, 0, sizeof(*r));                                                                                      \
        return decode(data, len, sinks, sizeof(sinks) / sizeof(sinks[0]));                                             \
    }
#include "proto/records.def"
#undef FIELD
#undef RECORD
