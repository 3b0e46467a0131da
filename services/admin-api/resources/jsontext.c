/* JSON texts; see jsontext.h. */
#include "services/admin-api/resources/jsontext.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#define DIGITS_MOST 20 /* of 64 bits */

static bool make_room(struct jsontext *t, size_t more)
{
    if (t->len + more <= t->size)
        return true;
    size_t size = (t->len + more) * 2;
    char *bytes = t->failed ? NULL : realloc(t->bytes, size);
    t->failed |= bytes == NULL;
    if (t->failed)
        return false;
    t->bytes = bytes;
    t->size = size;
    return true;
}

void jsontext_free(struct jsontext *t)
{
    free(t->bytes);
    *t = (struct jsontext){.bytes = NULL};
}

void jsontext_raw(struct jsontext *t, const char *bytes, size_t len)
{
    if (!make_room(t, len))
        return;
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
}

static void escape(struct jsontext *t, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the byte and its letter */
    char unicode[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    for (size_t i = 0; i + 1 < sizeof(named); i += 2) {
        if ((unsigned char)named[i] == c) {
            unicode[1] = named[i + 1];
            jsontext_raw(t, unicode, 2);
            return;
        }
    }
    jsontext_raw(t, unicode, sizeof(unicode));
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

void jsontext_string(struct jsontext *t, const char *text)
{
    const char *end = text + strlen(text);
    bool is_utf8 = u8_check((const uint8_t *)text, (size_t)(end - text)) == NULL;

    jsontext_raw(t, "\"", 1);
    while (text < end) {
        const char *from = text;
        while (text < end && is_plain((unsigned char)*text) && (is_utf8 || (unsigned char)*text < 0x80))
            ++text;
        jsontext_raw(t, from, (size_t)(text - from));
        if (text == end)
            break;
        if ((unsigned char)*text >= 0x80)
            jsontext_raw(t, "\xef\xbf\xbd", 3);
        else
            escape(t, (unsigned char)*text);
        ++text;
    }
    jsontext_raw(t, "\"", 1);
}

void jsontext_integer(struct jsontext *t, int64_t n)
{
    char digits[DIGITS_MOST], *at = digits + sizeof(digits);
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (n < 0)
        *--at = '-';
    jsontext_raw(t, at, (size_t)(digits + sizeof(digits) - at));
}

static int append(const char *bytes, size_t len, void *arg)
{
    struct jsontext *t = arg;
    jsontext_raw(t, bytes, len);
    return t->failed ? -1 : 0;
}

void jsontext_value(struct jsontext *t, json_t *value)
{
    if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
        jsontext_string(t, json_string_value(value));
    else if (value == NULL || json_dump_callback(value, append, t, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
        t->failed = true;
    json_decref(value);
}
