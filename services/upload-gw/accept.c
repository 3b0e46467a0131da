/* Accept; see accept.h. */
#include "services/upload-gw/accept.h"

#include <string.h>

enum accept accept_wanted(const struct head *h)
{
    static const struct {
        const char *type;
        enum accept accept;
    } known[] = {{"text/html", ACCEPT_HTML}, {"application/json", ACCEPT_JSON}, {"text/plain", ACCEPT_TEXT}};
    const struct span *field = head_find(h, "accept", NULL);
    enum accept wanted = ACCEPT_ANY;
    const char *first = NULL;

    for (size_t i = 0; field != NULL && i < sizeof(known) / sizeof(known[0]); ++i) {
        const char *at = memmem(field->data, field->len, known[i].type, strlen(known[i].type));
        if (at != NULL && (first == NULL || at < first)) {
            first = at;
            wanted = known[i].accept;
        }
    }
    return wanted;
}

bool accept_is_terminal(enum accept wanted)
{
    return wanted == ACCEPT_ANY || wanted == ACCEPT_TEXT;
}
