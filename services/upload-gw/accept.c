/* Accept; see accept.h. */
#include "services/upload-gw/accept.h"

#include <string.h>
#include <strings.h>

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

/* A weight in thousandths (RFC 9110 12.4.2); none given, or none that can be read, is the whole. */
static int weight_of(const char *params, size_t len)
{
    const char *q = memmem(params, len, "q=", 2);
    int weight = 0, scale = 1000;

    if (q == NULL || q + 2 == params + len || (q[2] != '0' && q[2] != '1'))
        return 1000;
    for (const char *p = q + 2; p < params + len && scale > 0; ++p) {
        if (*p == '.')
            continue;
        if (*p < '0' || *p > '9')
            break;
        weight += (*p - '0') * scale;
        scale /= 10;
    }
    return weight;
}

/* The weight of a language in one member of the list, such as "ru-RU;q=0.8"; 0: it is not of this language. */
static int likes(const char *member, size_t len, const char *code)
{
    const char *params = memchr(member, ';', len);
    size_t tag = params == NULL ? len : (size_t)(params - member);

    if (tag < 2 || strncasecmp(member, code, 2) != 0 || (tag > 2 && member[2] != '-' && member[2] != ' '))
        return 0;
    return params == NULL ? 1000 : weight_of(params, len - tag);
}

enum language accept_language(const struct head *h)
{
    static const char *const codes[LANGUAGES] = {[LANGUAGE_ENGLISH] = "en", [LANGUAGE_RUSSIAN] = "ru"};
    const struct span *field = head_find(h, "accept-language", NULL);
    const char *at = field == NULL ? NULL : field->data, *end = field == NULL ? NULL : at + field->len;
    enum language best = LANGUAGE_ENGLISH;
    int most = 0;

    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at)), *stop = comma == NULL ? end : comma;
        while (at < stop && (*at == ' ' || *at == '\t'))
            ++at;
        for (enum language l = 0; l < LANGUAGES; ++l) {
            int weight = likes(at, (size_t)(stop - at), codes[l]);
            if (weight > most) {
                most = weight;
                best = l;
            }
        }
        at = stop == end ? end : stop + 1;
    }
    return best;
}
