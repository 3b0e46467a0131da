/* The multipart decoder: the input's first line is the Content-Type, the rest the body. The same parts, names and
 * contents wherever the body is cut. */
#include "shared/http/multipart.h"
#include "tests/fuzz/fuzz.h"

static void put_text(struct record *r, char kind, const char *text)
{
    record_put(r, &kind, 1);
    if (text != NULL)
        record_put(r, text, strlen(text) + 1);
    else
        record_put(r, "\xff", 1);
}

/* One piece. Contents are recorded byte for byte behind a mark of their own, so that it does not show how they came. */
static enum multipart_result feed(struct multipart *m, const char *piece, size_t len, struct record *out)
{
    const char *at = piece, *payload = NULL;
    size_t left = len, payload_len = 0;
    for (;;) {
        enum multipart_result r = multipart_next(m, &at, &left, &payload, &payload_len);
        switch (r) {
        case MULTIPART_PART:
            put_text(out, 'n', multipart_name(m));
            put_text(out, 'f', multipart_filename(m));
            break;
        case MULTIPART_DATA:
            HOLDS(payload_len > 0);
            for (size_t i = 0; i < payload_len; ++i) {
                record_put(out, "d", 1);
                record_put(out, payload + i, 1);
            }
            break;
        case MULTIPART_PART_END:
            record_put(out, "e", 1);
            break;
        case MULTIPART_BAD:
            HOLDS(multipart_why(m) != NULL);
            return r;
        default:
            HOLDS(left == 0);
            return r;
        }
    }
}

static enum multipart_result decode(const char *type, const uint8_t *data, size_t size, enum cutting how,
                                    struct record *out)
{
    const char *why;
    struct dice d = dice_of(data, size);
    struct multipart *m = multipart_new((struct span){type, strlen(type)}, &why);
    enum multipart_result result = MULTIPART_MORE;
    for (size_t at = 0; m != NULL && at < size && result == MULTIPART_MORE;) {
        size_t len = cut_next(how, &d, size - at);
        char *piece = exact(data + at, len);
        result = feed(m, piece, len, out);
        at += len;
        free(piece);
    }
    HOLDS(m != NULL || why != NULL);
    multipart_free(m);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *type = take_line(&data, &size);
    struct record whole = {.len = 0};
    enum multipart_result result = decode(type, data, size, CUT_WHOLE, &whole);

    for (enum cutting how = CUT_BYTES; how < CUTTINGS; ++how) {
        struct record cut = {.len = 0};
        HOLDS(decode(type, data, size, how, &cut) == result && record_equal(&cut, &whole));
        free(cut.bytes);
    }
    free(whole.bytes);
    free(type);
    return 0;
}
