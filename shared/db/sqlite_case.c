/* LOWER() of all scripts; see sqlite_case.h. */
#include "shared/db/sqlite_case.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>

static int is_ascii(const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; ++i) {
        if (text[i] >= 0x80)
            return 0;
    }
    return 1;
}

static void lower_ascii(sqlite3_context *context, const uint8_t *text, size_t len)
{
    char *out = sqlite3_malloc64(len + 1);
    if (out == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }
    for (size_t i = 0; i < len; ++i)
        out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
    sqlite3_result_text64(context, out, len, sqlite3_free, SQLITE_UTF8);
}

static void lower(sqlite3_context *context, int count, sqlite3_value **values)
{
    const uint8_t *text = sqlite3_value_text(values[0]);
    size_t len = (size_t)sqlite3_value_bytes(values[0]), lowered_len = 0;
    (void)count;
    if (text == NULL)
        return; /* of NULL: NULL */
    if (is_ascii(text, len)) {
        lower_ascii(context, text, len);
        return;
    }
    uint8_t *lowered = u8_tolower(text, len, NULL, NULL, NULL, &lowered_len);
    if (lowered == NULL) /* not UTF-8: as it is */
        sqlite3_result_value(context, values[0]);
    else
        sqlite3_result_text64(context, (const char *)lowered, lowered_len, free, SQLITE_UTF8);
}

/* The name alone is wanted: nothing is compared by it. */
static int compare(void *arg, int a_len, const void *a, int b_len, const void *b)
{
    int order = memcmp(a, b, (size_t)(a_len < b_len ? a_len : b_len));
    (void)arg;
    return order != 0 ? order : a_len - b_len;
}

int sqlite_case_add(sqlite3 *handle)
{
    int rc = sqlite3_create_collation(handle, "und-x-icu", SQLITE_UTF8, NULL, compare);
    return rc != SQLITE_OK ? rc
                           : sqlite3_create_function(handle, "lower", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                                     lower, NULL, NULL);
}
