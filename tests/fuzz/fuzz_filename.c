/* File names: whatever is taken is one safe component of bounded length, and stays as it is when cleaned again. */
#include <errno.h>
#include <unistr.h>

#include "shared/http/filename.h"
#include "tests/fuzz/fuzz.h"

static void check(const char *name, size_t len)
{
    char again[FILENAME_SIZE];
    HOLDS(len > 0 && len <= FILENAME_MAX_RAW && strlen(name) == len);
    HOLDS(strpbrk(name, "/\\\"<>|:*? %\r\n\t") == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
    HOLDS(u8_check((const uint8_t *)name, len) == NULL);
    HOLDS(u8_mbsnlen((const uint8_t *)name, len) <= FILENAME_MAX_CHARS);
    HOLDS(filename_clean(name, len, again) == (ssize_t)len && strcmp(again, name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[FILENAME_SIZE], suffixed[FILENAME_SIZE], *raw = exact(data, size);
    ssize_t n = filename_clean(raw, size, name);

    HOLDS(n > 0 || n == -EINVAL || n == -ENAMETOOLONG);
    if (n > 0) {
        check(name, (size_t)n);
        n = filename_suffixed(name, suffixed);
        HOLDS(n > 0 && strcmp(suffixed, name) != 0);
        check(suffixed, (size_t)n);
    }
    free(raw);
    return 0;
}
