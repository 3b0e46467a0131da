/* Host and Accept; see host.h. */
#include "services/admin-api/http/host.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static size_t name_length(const char *host)
{
    const char *close = host[0] == '[' ? strchr(host, ']') : NULL;
    return close != NULL ? (size_t)(close - host) + 1 : strcspn(host, ":");
}

static bool matches(const char *name, size_t len, const char *pattern, size_t pattern_len)
{
    if (pattern_len == 1 && pattern[0] == '*')
        return true;
    if (pattern_len > 1 && pattern[0] == '.') {
        if (len == pattern_len - 1)
            return strncasecmp(name, pattern + 1, len) == 0;
        return len > pattern_len && strncasecmp(name + len - pattern_len, pattern, pattern_len) == 0;
    }
    return len == pattern_len && strncasecmp(name, pattern, len) == 0;
}

bool host_is_allowed(const char *host, const char *allowed)
{
    size_t len = name_length(host);
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";

    if (host[strspn(host, good)] != '\0' || strlen(host) > 255)
        return false;
    if (allowed[0] == '\0')
        return true;
    while (*allowed != '\0') {
        size_t part = strcspn(allowed, ", ");
        if (part > 0 && matches(host, len, allowed, part))
            return true;
        allowed += part + strspn(allowed + part, ", ");
    }
    return false;
}

/* An address in digits or brackets, localhost, a bare machine name, or none: no stranger's DNS leads here by these. */
static bool is_local(const char *host)
{
    static const char below[] = ".localhost";
    char name[256];
    size_t len = name_length(host);

    if (host[0] == '[' || memchr(host, '.', len) == NULL || host[strspn(host, "0123456789.")] == ':' ||
        host[strspn(host, "0123456789.")] == '\0')
        return true;
    snprintf(name, sizeof(name), "%.*s", (int)len, host);
    return len > sizeof(below) - 1 && strcasecmp(name + len - (sizeof(below) - 1), below) == 0;
}

bool host_is_ours(const char *host, const char *allowed, const char *public_url)
{
    char public_name[256];
    const char *from = strstr(public_url, "://");

    from = from == NULL ? "" : from + 3;
    snprintf(public_name, sizeof(public_name), "%.*s", (int)name_length(from), from);
    public_name[strcspn(public_name, "/")] = '\0';
    if (public_name[0] != '\0' && host_is_allowed(host, public_name))
        return true;
    return host_is_allowed(host, allowed) && (allowed[0] != '\0' || is_local(host));
}

/* --- Accept (RFC 9110 12.5.1), as coarse as the API needs it: quality counts only when it is zero --- */

struct range {
    const char *type;
    size_t len;
    bool refused;
};

static size_t trim_end(const char *text, size_t len)
{
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        --len;
    return len;
}

/* The next media range; where the one after it begins. */
static const char *next_range(const char *at, struct range *out)
{
    at += strspn(at, " \t,");
    size_t whole = strcspn(at, ","), len = strcspn(at, ",;");
    const char *q = len < whole ? strcasestr(at + len, "q=0") : NULL;

    *out = (struct range){.type = at, .len = trim_end(at, len)};
    out->refused = q != NULL && q < at + whole && strspn(q + 3, ".0") == strcspn(q + 3, ",; \t");
    return at + whole;
}

bool accepts_by_name(const char *accept, const char *type)
{
    struct range r;

    while (accept != NULL && *accept != '\0') {
        accept = next_range(accept, &r);
        if (r.len == strlen(type) && strncasecmp(r.type, type, r.len) == 0 && !r.refused)
            return true;
    }
    return false;
}

bool accepts(const char *accept, const char *type)
{
    size_t major = strcspn(type, "/") + 1;
    bool any = false;
    struct range r;

    if (accept == NULL || accept[strspn(accept, " \t,")] == '\0')
        return true;
    while (*accept != '\0') {
        accept = next_range(accept, &r);
        bool exact = r.len == strlen(type) && strncasecmp(r.type, type, r.len) == 0;
        bool wild = (r.len == 3 && memcmp(r.type, "*/*", 3) == 0) ||
                    (r.len == major + 1 && strncasecmp(r.type, type, major) == 0 && r.type[major] == '*');
        if (exact)
            return !r.refused;
        any |= wild && !r.refused;
    }
    return any;
}
