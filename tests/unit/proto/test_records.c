/* Wire records: their bytes are pinned, and nothing but a whole and typed record is taken. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

#include "proto/records.h"

#define ID "0123456789abcdef0123456789abcdef"

static struct record_manifest manifest(void)
{
    struct record_manifest r = {.version = 1,
                                .upload_id = ID,
                                .ticket_id = 7,
                                .number = 2004,
                                .name = "app.log",
                                .size = INT64_C(5000000000),
                                .sha256 = {.len = 32},
                                .started_us = INT64_C(1795414519627384),
                                .finished_us = INT64_C(1795414520000000),
                                .client = "192.0.2.1",
                                .method = "raw"};

    for (unsigned char i = 0; i < 32; i++)
        r.sha256.data[i] = i;
    return r;
}

static struct record_state state_record(void)
{
    struct record_state r = {.version = 1,
                             .upload_id = ID,
                             .ticket_id = 7,
                             .length = -1,
                             .offset = 65536,
                             .name = "журнал.log",
                             .metadata = "",
                             .midstate = {.len = 112},
                             .fence = 3,
                             .rehash = 0,
                             .expires_us = 1,
                             .started_us = 2,
                             .client = "2001:db8::1",
                             .epoch = "e1",
                             .number = 5};

    memset(r.midstate.data, 0xa5, 112);
    return r;
}

/* A record under construction, as another writer might build it. */
struct draft {
    msgpack_sbuffer buffer;
    msgpack_packer packer;
};

static void draft_begin(struct draft *d, size_t pairs)
{
    msgpack_sbuffer_init(&d->buffer);
    msgpack_packer_init(&d->packer, &d->buffer, msgpack_sbuffer_write);
    msgpack_pack_map(&d->packer, pairs);
}

static int draft_decode(struct draft *d, struct record_finished *out)
{
    int err = record_finished_decode(d->buffer.data, d->buffer.size, out);

    msgpack_sbuffer_destroy(&d->buffer);
    return err;
}

static void add_int(struct draft *d, int tag, int64_t value)
{
    msgpack_pack_int(&d->packer, tag);
    msgpack_pack_int64(&d->packer, value);
}

static void add_text(struct draft *d, int tag, const char *text, size_t len)
{
    msgpack_pack_int(&d->packer, tag);
    msgpack_pack_str_with_body(&d->packer, text, len);
}

/* Laid out by hand from the msgpack specification. Never to change: archives keep their manifests for ever. */
static const unsigned char golden_finished[] = "\x82\x01\xd9\x20" ID "\x02\x07";
static const unsigned char golden_manifest[] =
    "\x8b\x01\x01\x02\xd9\x20" ID "\x03\x07\x04\xcd\x07\xd4\x05\xa7"
    "app.log\x06\xcf\x00\x00\x00\x01\x2a\x05\xf2\x00\x07\xc4\x20"
    "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
    "\x08\xcf\x00\x06\x60\xeb\x84\xaa\xbe\x78\x09\xcf\x00\x06\x60\xeb\x84\xb0\x6e\x00\x0a\xa9"
    "192.0.2.1\x0b\xa3raw";
static const unsigned char golden_state_head[] =
    "\x8f\x01\x01\x02\xd9\x20" ID "\x03\x07\x04\xff\x05\xce\x00\x01\x00\x00"
    "\x06\xb0"
    "журнал.log\x07\xa0\x08\xc4\x70";
static const unsigned char golden_state_tail[] = "\x09\x03\x0a\x00\x0b\x01\x0c\x02\x0d\xab"
                                                 "2001:db8::1\x0e\xa2"
                                                 "e1\x0f\x05";

static void test_golden_finished(void **state)
{
    struct record_finished r = {.upload_id = ID, .ticket_id = 7}, back;
    void *data;
    size_t len;

    (void)state;
    assert_int_equal(record_finished_encode(&r, &data, &len), 0);
    assert_int_equal(len, sizeof(golden_finished) - 1);
    assert_memory_equal(data, golden_finished, len);
    assert_int_equal(record_finished_decode(data, len, &back), 0);
    assert_string_equal(back.upload_id, ID);
    assert_int_equal(back.ticket_id, 7);
    free(data);
}

static void test_golden_manifest(void **state)
{
    struct record_manifest r = manifest(), back;
    void *data;
    size_t len;

    (void)state;
    assert_int_equal(record_manifest_encode(&r, &data, &len), 0);
    assert_int_equal(len, sizeof(golden_manifest) - 1);
    assert_memory_equal(data, golden_manifest, len);
    assert_int_equal(record_manifest_decode(golden_manifest, len, &back), 0);
    assert_int_equal(back.version, 1);
    assert_string_equal(back.upload_id, ID);
    assert_int_equal(back.ticket_id, 7);
    assert_int_equal(back.number, 2004);
    assert_string_equal(back.name, "app.log");
    assert_int_equal(back.size, INT64_C(5000000000));
    assert_int_equal(back.sha256.len, 32);
    assert_memory_equal(back.sha256.data, r.sha256.data, 32);
    assert_int_equal(back.started_us, r.started_us);
    assert_int_equal(back.finished_us, r.finished_us);
    assert_string_equal(back.client, "192.0.2.1");
    assert_string_equal(back.method, "raw");
    free(data);
}

static void test_golden_state(void **state)
{
    struct record_state r = state_record(), back;
    const size_t head = sizeof(golden_state_head) - 1, tail = sizeof(golden_state_tail) - 1;
    void *data;
    size_t len;

    (void)state;
    assert_int_equal(record_state_encode(&r, &data, &len), 0);
    assert_int_equal(len, head + 112 + tail);
    assert_memory_equal(data, golden_state_head, head);
    assert_memory_equal((char *)data + head, r.midstate.data, 112);
    assert_memory_equal((char *)data + head + 112, golden_state_tail, tail);
    assert_int_equal(record_state_decode(data, len, &back), 0);
    assert_int_equal(back.length, -1);
    assert_int_equal(back.offset, 65536);
    assert_string_equal(back.name, "журнал.log");
    assert_string_equal(back.metadata, "");
    assert_memory_equal(back.midstate.data, r.midstate.data, 112);
    assert_string_equal(back.epoch, "e1");
    free(data);
}

/* Each prefix is handed over in memory of exactly its length, so that a sanitizer sees a read beyond it. */
static void test_every_truncation_is_refused(void **state)
{
    struct record_manifest m;
    struct record_state r = state_record(), s;
    void *data;
    size_t len;

    (void)state;
    for (size_t n = 0; n < sizeof(golden_manifest) - 1; n++) {
        void *prefix = malloc(n ? n : 1);

        memcpy(prefix, golden_manifest, n);
        assert_int_equal(record_manifest_decode(prefix, n, &m), -EBADMSG);
        free(prefix);
    }
    assert_int_equal(record_state_encode(&r, &data, &len), 0);
    for (size_t n = 0; n < len; n++) {
        void *prefix = malloc(n ? n : 1);

        memcpy(prefix, data, n);
        assert_int_equal(record_state_decode(prefix, n, &s), -EBADMSG);
        free(prefix);
    }
    free(data);
}

static void test_trailing_bytes_are_refused(void **state)
{
    unsigned char data[sizeof(golden_finished)];
    struct record_finished out;

    (void)state;
    memcpy(data, golden_finished, sizeof(data)); /* the literal's NUL is msgpack's 0 */
    assert_int_equal(record_finished_decode(data, sizeof(data), &out), -EBADMSG);
}

static void test_unknown_tags_are_ignored(void **state)
{
    struct record_finished out;
    struct draft d;

    (void)state;
    draft_begin(&d, 13);
    add_int(&d, 3, -70000);
    add_text(&d, 100, "\xff", 1);
    add_int(&d, -5, 1);
    msgpack_pack_uint64(&d.packer, UINT64_MAX);
    msgpack_pack_nil(&d.packer);
    msgpack_pack_int(&d.packer, 101);
    msgpack_pack_double(&d.packer, 1.5);
    msgpack_pack_int(&d.packer, 102);
    msgpack_pack_float(&d.packer, 1.5f);
    msgpack_pack_int(&d.packer, 103);
    msgpack_pack_ext_with_body(&d.packer, "abcdefgh", 8, 1);
    msgpack_pack_int(&d.packer, 104);
    msgpack_pack_ext_with_body(&d.packer, "abc", 3, 1);
    msgpack_pack_int(&d.packer, 105);
    msgpack_pack_array(&d.packer, 2);
    msgpack_pack_map(&d.packer, 1);
    msgpack_pack_str_with_body(&d.packer, "k", 1);
    msgpack_pack_bin_with_body(&d.packer, "\0", 1);
    msgpack_pack_true(&d.packer);
    msgpack_pack_int(&d.packer, 106);
    msgpack_pack_array(&d.packer, 0);
    add_int(&d, 100, 1); /* repeated, but not ours to judge */
    add_int(&d, 2, 9);
    add_text(&d, 1, ID, 32);
    assert_int_equal(draft_decode(&d, &out), 0);
    assert_int_equal(out.ticket_id, 9);
    assert_string_equal(out.upload_id, ID);
}

static void test_missing_and_repeated_tags_are_refused(void **state)
{
    struct record_finished out;
    struct draft d;

    (void)state;
    draft_begin(&d, 0);
    assert_int_equal(draft_decode(&d, &out), -EBADMSG);

    draft_begin(&d, 1);
    add_text(&d, 1, ID, 32);
    assert_int_equal(draft_decode(&d, &out), -EBADMSG);

    draft_begin(&d, 3);
    add_text(&d, 1, ID, 32);
    add_int(&d, 2, 9);
    add_int(&d, 2, 9);
    assert_int_equal(draft_decode(&d, &out), -EBADMSG);
}

static int decode_with_text(const char *text, size_t len)
{
    struct record_finished out;
    struct draft d;

    draft_begin(&d, 2);
    add_text(&d, 1, text, len);
    add_int(&d, 2, 9);
    return draft_decode(&d, &out);
}

static void test_text(void **state)
{
    static char long_text[40];

    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    assert_int_equal(decode_with_text(ID, 32), 0);
    assert_int_equal(decode_with_text("", 0), 0);
    assert_int_equal(decode_with_text(long_text, 33), -EMSGSIZE);
    assert_int_equal(decode_with_text("a\0b", 3), -EBADMSG);
    assert_int_equal(decode_with_text("a\xff", 2), -EBADMSG);
    assert_int_equal(decode_with_text("\xc0\x80", 2), -EBADMSG);     /* overlong */
    assert_int_equal(decode_with_text("\xed\xa0\x80", 3), -EBADMSG); /* surrogate */
    assert_int_equal(decode_with_text("\xf4\x90\x80\x80", 4), -EBADMSG);
    assert_int_equal(decode_with_text("ab\xe2\x82", 4), -EBADMSG);
}

static int decode_ticket_id(void (*pack)(msgpack_packer *packer), int64_t *value)
{
    struct record_finished out;
    struct draft d;
    int err;

    draft_begin(&d, 2);
    add_text(&d, 1, ID, 32);
    msgpack_pack_int(&d.packer, 2);
    pack(&d.packer);
    err = draft_decode(&d, &out);
    *value = out.ticket_id;
    return err;
}

static void pack_text(msgpack_packer *p)
{
    msgpack_pack_str_with_body(p, "7", 1);
}

static void pack_double(msgpack_packer *p)
{
    msgpack_pack_double(p, 7);
}

static void pack_nil(msgpack_packer *p)
{
    msgpack_pack_nil(p);
}

static void pack_array(msgpack_packer *p)
{
    msgpack_pack_array(p, 0);
}

static void pack_too_large(msgpack_packer *p)
{
    msgpack_pack_uint64(p, (uint64_t)INT64_MAX + 1);
}

static void pack_least(msgpack_packer *p)
{
    msgpack_pack_int64(p, INT64_MIN);
}

static void pack_most(msgpack_packer *p)
{
    msgpack_pack_uint64(p, INT64_MAX);
}

static void pack_wide_seven(msgpack_packer *p)
{
    msgpack_pack_fix_int64(p, 7);
}

static void pack_wide_minus(msgpack_packer *p)
{
    msgpack_pack_fix_int16(p, -2);
}

static void pack_narrow_minus(msgpack_packer *p)
{
    msgpack_pack_int(p, -32);
}

static void test_integers(void **state)
{
    int64_t value;

    (void)state;
    assert_int_equal(decode_ticket_id(pack_text, &value), -EBADMSG);
    assert_int_equal(decode_ticket_id(pack_double, &value), -EBADMSG);
    assert_int_equal(decode_ticket_id(pack_nil, &value), -EBADMSG);
    assert_int_equal(decode_ticket_id(pack_array, &value), -EBADMSG);
    assert_int_equal(decode_ticket_id(pack_too_large, &value), -EMSGSIZE);
    assert_int_equal(decode_ticket_id(pack_least, &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(decode_ticket_id(pack_most, &value), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(decode_ticket_id(pack_wide_seven, &value), 0);
    assert_true(value == 7);
    assert_int_equal(decode_ticket_id(pack_wide_minus, &value), 0);
    assert_true(value == -2);
    assert_int_equal(decode_ticket_id(pack_narrow_minus, &value), 0);
    assert_true(value == -32);
}

static void test_wrong_shapes_are_refused(void **state)
{
    static const struct {
        const char *data;
        size_t len;
    } shapes[] = {
        {"\xc0", 1},                         /* nil */
        {"\x92\x01\x02", 3},                 /* an array */
        {"\x01", 1},                         /* an integer */
        {"\xc1", 1},                         /* no format */
        {"\xde\xff\xff\x01", 4},             /* a map that claims more than there is */
        {"\xdf\xff\xff\xff\xff", 5},         /* and far more */
        {"\x81\x03\xdd\xff\xff\xff\xff", 7}, /* an unknown tag with an array of 2^32 - 1 */
        {"\x81\x03\xc6\xff\xff\xff\xff", 7}, /* with 4 GiB of bytes */
        {"\x81\x03\xc9\xff\xff\xff\xff", 7}, /* with an ext of 4 GiB and its type */
        {"\x81\x03\xc1", 3},
        {"\x81\xa1x\x01", 4}, /* a text as tag */
        {"\x81\xc0\x01", 3},  /* nil as tag */
    };
    struct record_finished out;

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        assert_int_equal(record_finished_decode(shapes[i].data, shapes[i].len, &out), -EBADMSG);
}

/* Nesting costs neither stack nor memory. */
static void test_deep_nesting(void **state)
{
    const size_t depth = 1000000;
    unsigned char *data = malloc(depth + 3);
    struct record_finished out;

    (void)state;
    data[0] = 0x81;
    data[1] = 0x03;
    memset(data + 2, 0x91, depth);
    data[depth + 2] = 0xc0;
    assert_int_equal(record_finished_decode(data, depth + 3, &out), -EBADMSG); /* for want of tags 1 and 2 */
    free(data);
}

/* The digest is exactly 32 bytes, and bytes are not text. */
static void test_bytes(void **state)
{
    unsigned char data[sizeof(golden_manifest)];
    const size_t len = sizeof(golden_manifest) - 1;
    struct record_manifest out;
    unsigned char *digest;

    (void)state;
    memcpy(data, golden_manifest, len);
    digest = memmem(data, len, "\xc4\x20", 2);
    assert_non_null(digest);
    digest[1] = 0x1f;
    memmove(digest + 33, digest + 34, len - (size_t)(digest + 34 - data));
    assert_int_equal(record_manifest_decode(data, len - 1, &out), -EMSGSIZE);

    memcpy(data, golden_manifest, len);
    digest[0] = 0xd9; /* str 8 */
    assert_int_equal(record_manifest_decode(data, len, &out), -EBADMSG);
}

static void test_encode_refuses(void **state)
{
    struct record_manifest r;
    void *data = NULL;
    size_t len;

    (void)state;
    r = manifest();
    r.sha256.len = 31;
    assert_int_equal(record_manifest_encode(&r, &data, &len), -EINVAL);
    r = manifest();
    r.name[0] = (char)0xff;
    assert_int_equal(record_manifest_encode(&r, &data, &len), -EINVAL);
    r = manifest();
    memset(r.method, 'x', sizeof(r.method));
    assert_int_equal(record_manifest_encode(&r, &data, &len), -EINVAL);
    assert_null(data);
}

/* msgpack-c reads what we write: any other tool may. */
static void test_msgpack_agrees(void **state)
{
    struct record_state r = state_record();
    msgpack_unpacked unpacked;
    size_t len, offset = 0;
    void *data;

    (void)state;
    assert_int_equal(record_state_encode(&r, &data, &len), 0);
    msgpack_unpacked_init(&unpacked);
    assert_int_equal(msgpack_unpack_next(&unpacked, data, len, &offset), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(offset, len);
    assert_int_equal(unpacked.data.type, MSGPACK_OBJECT_MAP);
    assert_int_equal(unpacked.data.via.map.size, 15);
    assert_int_equal(unpacked.data.via.map.ptr[3].val.via.i64, -1);
    assert_int_equal(unpacked.data.via.map.ptr[7].val.via.bin.size, 112);
    msgpack_unpacked_destroy(&unpacked);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_finished),
        cmocka_unit_test(test_golden_manifest),
        cmocka_unit_test(test_golden_state),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_trailing_bytes_are_refused),
        cmocka_unit_test(test_unknown_tags_are_ignored),
        cmocka_unit_test(test_missing_and_repeated_tags_are_refused),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_wrong_shapes_are_refused),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_encode_refuses),
        cmocka_unit_test(test_msgpack_agrees),
    };

    return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
