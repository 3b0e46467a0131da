/* Percent-encoding; see percent.h. */
#include "shared/http/percent.h"

#include <stdlib.h>
#include <string.h>

size_t percent_encode(const char *text, const char *plain, char *out, size_t size)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;

    for (; size > 0 && *text != '\0'; ++text) {
        unsigned char c = (unsigned char)*text;
        size_t needs = strchr(plain, *text) != NULL ? 1 : 3;
        if (n + needs >= size)
            break;
        if (needs == 1) {
            out[n++] = *text;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    if (size > 0)
        out[n] = '\0';
    return n;
}

char *percent_encoded(const char *text, const char *plain)
{
    size_t size = PERCENT_ROOM(strlen(text));
    char *out = malloc(size);

    if (out != NULL)
        percent_encode(text, plain, out, size);
    return out;
}
