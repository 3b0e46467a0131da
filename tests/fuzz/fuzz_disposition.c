/* Content-Disposition: parameters out of arbitrary headers, and the header made for a download read back. */
#include <errno.h>

#include "shared/http/disposition.h"
#include "shared/http/filename.h"
#include "tests/fuzz/fuzz.h"

static void read_param(const uint8_t *data, size_t size, const char *name, bool browser, size_t room)
{
    char *header = exact(data, size), *out = malloc(room);
    HOLDS(out != NULL);
    ssize_t n = disposition_param((struct span){header, size}, name, browser, out, room);
    HOLDS(n == -ENOENT || n == -EINVAL || n == -ENAMETOOLONG || (n >= 0 && (size_t)n < room));
    HOLDS(n < 0 || strlen(out) == (size_t)n);
    free(out);
    free(header);
}

/* What a browser saves under is what the archive is called. */
static void offer(const uint8_t *data, size_t size)
{
    char name[FILENAME_SIZE], header[4096], back[FILENAME_SIZE];
    if (filename_clean((const char *)data, size, name) < 0)
        return;
    ssize_t n = disposition_attachment(name, header, sizeof(header));
    HOLDS(n > 0 && strlen(header) == (size_t)n);
    for (const char *p = header; *p != '\0'; ++p)
        HOLDS((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f);
    HOLDS(disposition_param((struct span){header, (size_t)n}, "filename", false, back, sizeof(back)) > 0);
    HOLDS(strcmp(back, name) == 0);
}

/* Any text at all, clean or not: nothing breaks out of the header. */
static void offer_anything(const uint8_t *data, size_t size)
{
    char *text = exact_text(data, size), header[4096];
    ssize_t n = disposition_attachment(text, header, sizeof(header));
    for (ssize_t i = 0; i < n; ++i)
        HOLDS((unsigned char)header[i] >= 0x20 && (unsigned char)header[i] < 0x7f);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int browser = 0; browser < 2; ++browser) {
        read_param(data, size, "filename", browser != 0, 64);
        read_param(data, size, "name", browser != 0, 8192);
        read_param(data, size, "boundary", browser != 0, 71);
    }
    offer(data, size);
    offer_anything(data, size);
    return 0;
}
