/* Clean names by Unicode categories (libunistring); see filename.h. */
#include "shared/http/filename.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define SUFFIX_CHARS    7
#define EXTENSION_CHARS 20 /* a longer one is cut like any other part of the name */

static bool is_kept(ucs4_t c)
{
    return c == '-' || c == '_' || c == '.' ||
           uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N);
}

static const char *component_of(const char *raw, size_t *len)
{
    const char *begin = raw, *end = raw + *len;
    for (const char *p = raw; p < end; ++p)
        if (*p == '/' || *p == '\\')
            begin = p + 1;
    *len = (size_t)(end - begin);
    return begin;
}

/* Kept characters of `in` (valid UTF-8) into `out`, which is as large. Spaces around the name do not count. */
static size_t filter(const uint8_t *in, size_t len, uint8_t *out)
{
    size_t n = 0;
    while (len > 0 && in[0] == ' ')
        ++in, --len;
    while (len > 0 && in[len - 1] == ' ')
        --len;
    for (size_t at = 0; at < len;) {
        ucs4_t c;
        int took = u8_mbtouc(&c, in + at, len - at);
        if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Zs))
            out[n++] = '_';
        else if (is_kept(c)) {
            memcpy(out + n, in + at, (size_t)took);
            n += (size_t)took;
        }
        at += (size_t)took;
    }
    return n;
}

/* Bytes of the first `chars` characters, as many of them as fit into `most` bytes. */
static size_t bytes_of(const uint8_t *text, size_t len, size_t chars, size_t most)
{
    size_t at = 0;
    while (chars-- > 0 && at < len) {
        ucs4_t c;
        size_t took = (size_t)u8_mbtouc(&c, text + at, len - at);
        if (at + took > most)
            break;
        at += took;
    }
    return at;
}

/* Where the extension begins; the end if there is none worth keeping. */
static size_t extension_of(const uint8_t *text, size_t len)
{
    for (size_t i = len; i-- > 1;)
        if (text[i] == '.')
            return u8_mbsnlen(text + i, len - i) <= EXTENSION_CHARS ? i : len;
    return len;
}

/* stem, insert and extension, the stem cut so that the whole has FILENAME_MAX_CHARS and FILENAME_MAX_RAW bytes at most:
 * NFC can make a name longer, and a clean name must be taken when it comes back. */
static ssize_t compose(const uint8_t *text, size_t len, const char *insert, char out[FILENAME_SIZE])
{
    size_t dot = extension_of(text, len), insert_len = strlen(insert);
    size_t room = FILENAME_MAX_CHARS - u8_mbsnlen(text + dot, len - dot) - insert_len;
    size_t stem = bytes_of(text, dot, room, FILENAME_MAX_RAW - insert_len - (len - dot));
    memcpy(out, text, stem);
    memcpy(out + stem, insert, insert_len);
    memcpy(out + stem + insert_len, text + dot, len - dot);
    size_t n = stem + insert_len + len - dot;
    out[n] = '\0';
    return (ssize_t)n;
}

ssize_t filename_clean(const char *raw, size_t len, char out[FILENAME_SIZE])
{
    const char *name = component_of(raw, &len);
    uint8_t kept[FILENAME_MAX_RAW];
    size_t normal_len = 0;

    if (len > FILENAME_MAX_RAW)
        return -ENAMETOOLONG;
    if (u8_check((const uint8_t *)name, len) != NULL)
        return -EINVAL;
    size_t n = filter((const uint8_t *)name, len, kept);
    if (n == 0 || (n == 1 && kept[0] == '.') || (n == 2 && memcmp(kept, "..", 2) == 0))
        return -EINVAL;
    uint8_t *normal = u8_normalize(UNINORM_NFC, kept, n, NULL, &normal_len);
    if (normal == NULL)
        return -ENOMEM;
    ssize_t result = compose(normal, normal_len, "", out);
    free(normal);
    return result;
}

/* 62 does not divide 256: bytes from 248 on would favour some characters, so they are drawn again. */
static int random_suffix(char out[SUFFIX_CHARS + 2])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t n = 0;
    out[n++] = '_';
    while (n < SUFFIX_CHARS + 1) {
        unsigned char byte;
        if (getrandom(&byte, 1, 0) != 1)
            return -EIO;
        if (byte < 248)
            out[n++] = alphabet[byte % 62];
    }
    out[n] = '\0';
    return 0;
}

ssize_t filename_suffixed(const char *name, char out[FILENAME_SIZE])
{
    char suffix[SUFFIX_CHARS + 2];
    int err = random_suffix(suffix);
    return err < 0 ? err : compose((const uint8_t *)name, strlen(name), suffix, out);
}
