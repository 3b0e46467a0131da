/* Entity tags; see etag.h. */
#include "services/admin-api/http/etag.h"

#include <string.h>

#include "shared/digest/digest.h"

void etag_of(const char *bytes, size_t len, char out[ETAG_SIZE])
{
    unsigned char hash[DIGEST_SIZE];
    struct digest d;

    digest_init(&d);
    digest_update(&d, bytes, len);
    digest_final(&d, hash);
    out[0] = '"';
    digest_hex(hash, 16, out + 1);
    out[33] = '"';
    out[34] = '\0';
}

bool etag_is_listed(struct span header, const char *tag, bool weak)
{
    const char *at = header.data, *end = header.data + header.len;
    size_t len = strlen(tag);

    if (header.len == 1 && *at == '*')
        return true;
    while (at < end) {
        while (at < end && (*at == ' ' || *at == '\t' || *at == ','))
            ++at;
        bool is_weak = end - at > 2 && at[0] == 'W' && at[1] == '/';
        const char *start = is_weak ? at + 2 : at;
        const char *close = start < end && *start == '"' ? memchr(start + 1, '"', (size_t)(end - start - 1)) : NULL;
        if (close == NULL)
            return false;
        at = close + 1;
        if ((weak || !is_weak) && (size_t)(at - start) == len && memcmp(start, tag, len) == 0)
            return true;
    }
    return false;
}
