/* Parameters of Content-Disposition (and of Content-Type, whose grammar is the same); see disposition.h. */
#include "shared/http/disposition.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/http/query.h"

#define HEADER_MAX 8192 /* bytes; longer ones are refused */

struct reader {
    const char *at, *end;
};

struct writer {
    char *out;
    size_t size, len; /* len counts what did not fit, too */
};

static void put(struct writer *w, char c)
{
    if (w->len + 1 < w->size)
        w->out[w->len] = c;
    ++w->len;
}

static ssize_t finish(struct writer *w)
{
    if (w->len >= w->size)
        return -ENAMETOOLONG;
    w->out[w->len] = '\0';
    return memchr(w->out, '\0', w->len) != NULL ? -EINVAL : (ssize_t)w->len;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
        ++r->at;
}

/* A quoted string from its opening quote. Only \" and \\ are escapes: browsers send C:\path as it is. */
static int read_quoted(struct reader *r, struct writer *w)
{
    for (++r->at; r->at < r->end; ++r->at) {
        char c = *r->at;
        if (c == '"') {
            ++r->at;
            return 0;
        }
        if (c == '\\' && r->at + 1 < r->end && (r->at[1] == '"' || r->at[1] == '\\'))
            c = *++r->at;
        put(w, c);
    }
    return -EINVAL;
}

static int read_bare(struct reader *r, struct writer *w)
{
    const char *begin = r->at;
    while (r->at < r->end && *r->at != ';' && *r->at != '"')
        ++r->at;
    const char *last = r->at;
    while (last > begin && (last[-1] == ' ' || last[-1] == '\t'))
        --last;
    for (const char *p = begin; p < last; ++p)
        put(w, *p);
    return r->at < r->end && *r->at == '"' ? -EINVAL : 0;
}

/* Next `; name = value`: 1 with the value in w, 0 at the end, -EINVAL. */
static int read_param(struct reader *r, struct span *name, struct writer *w)
{
    skip_blanks(r);
    if (r->at == r->end)
        return 0;
    if (*r->at++ != ';')
        return -EINVAL;
    skip_blanks(r);
    if (r->at == r->end || *r->at == ';') /* an empty parameter: sent by some, harmless */
        return r->at == r->end ? 0 : read_param(r, name, w);
    const char *begin = r->at;
    while (r->at < r->end && *r->at != '=' && *r->at != ';' && *r->at != ' ' && *r->at != '\t')
        ++r->at;
    *name = (struct span){begin, (size_t)(r->at - begin)};
    skip_blanks(r);
    if (r->at == r->end || *r->at != '=' || name->len == 0)
        return -EINVAL;
    ++r->at;
    skip_blanks(r);
    w->len = 0;
    int err = r->at < r->end && *r->at == '"' ? read_quoted(r, w) : read_bare(r, w);
    return err < 0 ? err : 1;
}

static void put_latin1(struct writer *w, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; ++p) {
        if (*p < 0x80) {
            put(w, (char)*p);
            continue;
        }
        put(w, (char)(0xc0 | (*p >> 6)));
        put(w, (char)(0x80 | (*p & 0x3f)));
    }
}

/* RFC 8187 ext-value: charset'language'percent-encoded, from `value` into out. */
static ssize_t decode_extended(char *value, size_t len, char *out, size_t size)
{
    char *first = memchr(value, '\'', len);
    char *second = first == NULL ? NULL : memchr(first + 1, '\'', (size_t)(value + len - first - 1));
    if (second == NULL)
        return -EINVAL;
    struct span charset = {value, (size_t)(first - value)};
    struct span encoded = {second + 1, (size_t)(value + len - second - 1)};
    if (span_equals_nocase(charset, "utf-8"))
        return query_decode(encoded, false, out, size);
    if (!span_equals_nocase(charset, "iso-8859-1"))
        return -EINVAL;
    ssize_t n = query_decode(encoded, false, second + 1, encoded.len + 1); /* never longer: in place */
    struct writer w = {.out = out, .size = size};
    if (n < 0)
        return n;
    put_latin1(&w, second + 1);
    return finish(&w);
}

/* What browsers escape in form-data (WHATWG HTML 4.10.21.8): %22 %0D %0A, and nothing else. */
static ssize_t undo_browser_escapes(char *text, ssize_t len)
{
    static const struct {
        const char *escape;
        char c;
    } escapes[] = {{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}};
    char *to = text;
    for (const char *from = text; from < text + len;) {
        size_t i = 0;
        while (i < 3 && strncmp(from, escapes[i].escape, 3) != 0)
            ++i;
        *to++ = i < 3 ? escapes[i].c : *from;
        from += i < 3 ? 3 : 1;
    }
    *to = '\0';
    return to - text;
}

static bool is_extended(struct span found, const char *name)
{
    return found.len > 1 && found.data[found.len - 1] == '*' &&
           span_equals_nocase((struct span){found.data, found.len - 1}, name);
}

ssize_t disposition_param(struct span header, const char *name, bool browser_escapes, char *out, size_t size)
{
    struct reader r = {header.data, header.data + header.len};
    char value[HEADER_MAX + 1], decoded[HEADER_MAX + 1];
    struct span found;
    ssize_t plain = -ENOENT, extended = -ENOENT;
    int more;

    if (header.len >= sizeof(value) - 1)
        return -ENAMETOOLONG;
    while (r.at < r.end && *r.at != ';')
        ++r.at;
    struct writer w = {.out = value, .size = sizeof(value)};
    while ((more = read_param(&r, &found, &w)) == 1) {
        ssize_t n = finish(&w);
        bool star = is_extended(found, name);
        if (n < 0)
            return n;
        if (!star && !span_equals_nocase(found, name))
            continue;
        if ((star ? extended : plain) != -ENOENT)
            return -EINVAL; /* twice: which one would be anybody's guess */
        if (star) {         /* apart: one that breaks off must leave the plain value as it is */
            extended = decode_extended(value, (size_t)n, decoded, size < sizeof(decoded) ? size : sizeof(decoded));
            if (extended >= 0)
                memcpy(out, decoded, (size_t)extended + 1);
        } else if (extended < 0) {
            plain = (size_t)n < size ? n : -ENAMETOOLONG;
            if (plain >= 0)
                memcpy(out, value, (size_t)n + 1);
        } else {
            plain = n;
        }
    }
    if (more < 0)
        return more;
    if (extended >= 0 || plain == -ENOENT)
        return extended;
    return plain >= 0 && browser_escapes ? undo_browser_escapes(out, plain) : plain;
}

static bool is_attr_char(char c) /* RFC 8187 3.2.1 */
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$&+-.^_`|~", c) != NULL);
}

static void put_text(struct writer *w, const char *text)
{
    for (; *text != '\0'; ++text)
        put(w, *text);
}

ssize_t disposition_attachment(const char *utf8_name, char *out, size_t size)
{
    struct writer w = {.out = out, .size = size};
    put_text(&w, "attachment; filename=\"");
    for (const char *p = utf8_name; *p != '\0'; ++p) {
        unsigned char c = (unsigned char)*p;
        if ((c & 0xc0) == 0x80)
            continue; /* one '_' per character */
        put(&w, c < 0x20 || c >= 0x7f || strchr("\"\\%", *p) != NULL ? '_' : *p);
    }
    put_text(&w, "\"; filename*=UTF-8''");
    for (const char *p = utf8_name; *p != '\0'; ++p) {
        if (is_attr_char(*p)) {
            put(&w, *p);
            continue;
        }
        put(&w, '%');
        put(&w, "0123456789ABCDEF"[(unsigned char)*p >> 4]);
        put(&w, "0123456789ABCDEF"[(unsigned char)*p & 15]);
    }
    return finish(&w);
}
