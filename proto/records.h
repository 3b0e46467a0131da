/*
 * The msgpack records both services exchange, from one table (records.def). A record is a map with integer tags;
 * tags are never reused, unknown tags are ignored, missing ones are an error, text must be UTF-8 without NUL.
 */
#ifndef LC_PROTO_RECORDS_H
#define LC_PROTO_RECORDS_H

#include <stddef.h>
#include <stdint.h>

/* C types: INT int64_t · STRING char[SIZE], NUL-terminated, may be empty · BYTES: always exactly SIZE bytes of data. */
struct record_bytes {
    size_t len;
    unsigned char data[128];
};

#define RECORD_C_INT(name, size)    int64_t name;
#define RECORD_C_STRING(name, size) char name[size];
#define RECORD_C_BYTES(name, size)  \
    _Static_assert((size) <= 128, "record_bytes holds " #name); \
    struct record_bytes name;

#define FIELD(tag, type, name, size) RECORD_C_##type(name, size)
#define RECORD(name, fields) \
    struct record_##name {   \
        fields               \
    };                       \
    /* malloc'ed bytes for the caller to free; 0, -EINVAL (a text is not UTF-8 or does not end, bytes of another length),     \
     * -ENOMEM. */                                                                                               \
    int record_##name##_encode(const struct record_##name *r, void **out, size_t *len)       \
        __attribute__((warn_unused_result));                                                 \
    /* 0, -EBADMSG (truncated, trailing bytes, wrong types, missing or repeated tags), -EMSGSIZE (a value does   \
     * not fit or bytes of another length); `out` is then not to be used. Any thread. */                         \
    int record_##name##_decode(const void *data, size_t len, struct record_##name *out)      \
        __attribute__((warn_unused_result));
#include "proto/records.def"
#undef RECORD
#undef FIELD

#endif
