/*
 * What a tus request says of itself: Upload-Offset, Upload-Length, Upload-Metadata, Upload-Checksum. The input is
 * fields of a head that is otherwise sound.
 */
#include "services/upload-gw/checksum.h"
#include "services/upload-gw/tus_request.h"
#include "tests/fuzz/fuzz.h"

static void check_request(const struct head *h)
{
    struct tus_request r;
    enum gateway_error e = tus_request_read(h, &r);
    HOLDS(e == GATEWAY_OK || e == GATEWAY_TUS_FIELD || e == GATEWAY_TUS_VERSION);
    HOLDS((e == GATEWAY_TUS_FIELD) == (r.why != NULL));
    if (e != GATEWAY_OK)
        return;
    HOLDS(r.offset >= -1 && r.length >= -1 && !(r.defers && r.length >= 0));
}

static void check_metadata(const struct head *h)
{
    static struct tus_metadata m, again;
    const char *why = NULL;
    enum gateway_error e = tus_metadata_read(h, &m, &why);
    HOLDS(e == GATEWAY_OK || (e == GATEWAY_TUS_FIELD && why != NULL));
    if (e != GATEWAY_OK)
        return;
    HOLDS(m.name_len < sizeof(m.name) && m.name[m.name_len] == '\0' && strlen(m.kept) < sizeof(m.kept));
    HOLDS(memchr(m.token, '\0', sizeof(m.token)) != NULL);
    for (const char *p = m.kept; *p != '\0'; ++p)
        HOLDS(*p >= 0x20 && *p <= 0x7e); /* it goes back into a head */

    /* What is kept is told again, and means the same; the token is not in it. */
    struct head echo = {.field_count = 1};
    echo.fields[0] = (struct head_field){{"upload-metadata", strlen("upload-metadata")}, {m.kept, strlen(m.kept)}};
    if (m.kept[0] != '\0')
        HOLDS(tus_metadata_read(&echo, &again, &why) == GATEWAY_OK && !again.has_token &&
              again.name_len == m.name_len && memcmp(again.name, m.name, m.name_len) == 0);
}

static void check_checksum(const struct head *h)
{
    const struct span *field = head_find(h, "upload-checksum", NULL);
    struct checksum *c = NULL;
    if (field == NULL || checksum_new(*field, &c) < 0)
        return;
    checksum_update(c, "what arrived", strlen("what arrived"));
    (void)checksum_matches(c);
    checksum_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char before[] = "PATCH /api/v1/uploads/x HTTP/1.1\r\nHost: x\r\n", after[] = "\r\n\r\n";
    static struct head head;
    struct record text = {.len = 0};
    const char *why = NULL;

    record_put(&text, before, strlen(before));
    record_put(&text, data, size);
    record_put(&text, after, strlen(after));
    char *bytes = exact(text.bytes, text.len);
    if (head_parse(bytes, text.len, &head, &why) > 0) {
        check_request(&head);
        check_metadata(&head);
        check_checksum(&head);
    }
    free(bytes);
    free(text.bytes);
    return 0;
}
