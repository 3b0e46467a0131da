/* The chunked decoder: the same payload, end and verdict wherever the input is cut; and what it decodes, encoded anew,
 * decodes to the same. */
#include "shared/http/chunked.h"
#include "tests/fuzz/fuzz.h"

struct outcome {
    enum chunked_result result;
    size_t used; /* of the input when it was over */
    struct record payload;
};

/* One piece: how much of it was taken. */
static size_t feed(struct chunked *c, const char *piece, size_t len, struct outcome *out)
{
    const char *at = piece, *payload;
    size_t left = len, payload_len;
    while ((out->result = chunked_next(c, &at, &left, &payload, &payload_len)) == CHUNKED_PAYLOAD) {
        HOLDS(payload_len > 0 && payload >= piece && payload + payload_len <= piece + len);
        record_put(&out->payload, payload, payload_len);
    }
    HOLDS(out->result != CHUNKED_MORE || left == 0);
    return len - left;
}

static struct outcome decode(const void *data, size_t size, enum cutting how)
{
    struct outcome out = {.result = CHUNKED_MORE};
    struct dice d = dice_of(data, size);
    struct chunked c;
    chunked_init(&c);
    while (out.used < size && out.result == CHUNKED_MORE) {
        size_t len = cut_next(how, &d, size - out.used);
        char *piece = exact((const char *)data + out.used, len);
        size_t used = feed(&c, piece, len, &out);
        out.used += out.result == CHUNKED_BAD ? 0 : used; /* where it broke is nobody's concern */
        free(piece);
    }
    if (out.result == CHUNKED_BAD)
        out.used = 0;
    return out;
}

static void encode(const struct record *payload, struct dice *d, struct record *out)
{
    for (size_t at = 0; at < payload->len;) {
        char line[32];
        size_t len = cut_next(CUT_FEW, d, payload->len - at);
        record_put(out, line, (size_t)snprintf(line, sizeof(line), "%zX\r\n", len));
        record_put(out, payload->bytes + at, len);
        record_put(out, "\r\n", 2);
        at += len;
    }
    record_put(out, "0\r\n\r\n", 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dice d = dice_of(data, size);
    struct outcome whole = decode(data, size, CUT_WHOLE);
    struct record again = {.len = 0};

    for (enum cutting how = CUT_BYTES; how < CUTTINGS; ++how) {
        struct outcome cut = decode(data, size, how);
        HOLDS(cut.result == whole.result && cut.used == whole.used && record_equal(&cut.payload, &whole.payload));
        free(cut.payload.bytes);
    }
    encode(&whole.payload, &d, &again);
    struct outcome second = decode(again.bytes, again.len, CUT_WHOLE);
    HOLDS(second.result == CHUNKED_END && second.used == again.len && record_equal(&second.payload, &whole.payload));
    free(second.payload.bytes);
    free(again.bytes);
    free(whole.payload.bytes);
    return 0;
}
