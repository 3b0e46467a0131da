/* The strict request head parser; see head.h. Works line by line; the whole head is parsed again when more came. */
#include "shared/http/head.h"

#include <string.h>
#include <strings.h>
#include <unistr.h>

static const char *const preface = "PRI * HTTP/2.0";

static bool is_value_char(unsigned char c) /* RFC 9110 5.5: VCHAR, SP, HTAB, obs-text */
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

/* Takes one line that ends in CRLF: 1, 0 if its end is not there yet, HEAD_BAD for a bare CR, LF or NUL. */
static int take_line(const char **at, const char *end, struct span *line, const char **why)
{
    for (const char *p = *at; p < end; ++p) {
        unsigned char c = (unsigned char)*p;
        if (c == '\n' || c == '\0') {
            *why = c == '\n' ? "a line ends in LF alone" : "there is a NUL byte";
            return HEAD_BAD;
        }
        if (c != '\r')
            continue;
        if (p + 1 == end)
            return 0;
        if (p[1] != '\n') {
            *why = "there is a CR without LF";
            return HEAD_BAD;
        }
        *line = (struct span){*at, (size_t)(p - *at)};
        *at = p + 2;
        return 1;
    }
    return 0;
}

/* What cannot become a request line is refused at its first bytes: TLS, HTTP/2, noise. */
static int early_check(const char *data, size_t len, const char **why)
{
    size_t common = len < strlen(preface) ? len : strlen(preface);
    if (common >= 3 && memcmp(data, preface, common) == 0) {
        *why = "HTTP/2 is not spoken here";
        return len >= strlen(preface) ? HEAD_VERSION : 0;
    }
    for (size_t i = 0; i < len && i < 32; ++i) {
        if (data[i] == ' ' && i > 0)
            return 0;
        if (!span_is_token((struct span){data + i, 1})) {
            *why = "the request does not begin with a method";
            return HEAD_BAD;
        }
    }
    *why = "the method is too long";
    return len >= 32 ? HEAD_BAD : 0;
}

static int parse_version(struct span version, struct head *head, const char **why)
{
    if (version.len != 8 || !span_starts_with(version, "HTTP/") || version.data[6] != '.') {
        *why = "the request line does not end in an HTTP version";
        return HEAD_BAD;
    }
    if (version.data[5] != '1' || (version.data[7] != '0' && version.data[7] != '1')) {
        *why = "only HTTP/1.0 and HTTP/1.1 are spoken here";
        return HEAD_VERSION;
    }
    head->minor_version = version.data[7] - '0';
    return 0;
}

/* Visible ASCII is all that RFC 3986 has; names of other scripts as curl sends them, not percent-encoded, delimit
 * nothing. */
static bool is_target(struct span target)
{
    for (size_t i = 0; i < target.len; ++i)
        if ((unsigned char)target.data[i] <= 0x20 || (unsigned char)target.data[i] == 0x7f || target.data[i] == '#')
            return false;
    return target.len > 0 && u8_check((const uint8_t *)target.data, target.len) == NULL;
}

/* origin-form, "*" for OPTIONS, or absolute-form (RFC 9112 3.2.2), of which the path counts; its authority is left in
 * *authority. */
static int parse_target(struct head *head, struct span *authority, const char **why)
{
    struct span path = head->target;
    *why = "the request target is malformed";
    if (!is_target(path))
        return HEAD_BAD;
    if (span_equals(path, "*")) {
        head->path = path;
        return span_equals(head->method, "OPTIONS") ? 0 : HEAD_BAD;
    }
    if (path.data[0] != '/') {
        size_t scheme = span_starts_with(path, "http://") ? 7 : span_starts_with(path, "https://") ? 8 : 0;
        const char *slash = scheme == 0 ? NULL : memchr(path.data + scheme, '/', path.len - scheme);
        if (slash == NULL || slash == path.data + scheme)
            return HEAD_BAD;
        *authority = (struct span){path.data + scheme, (size_t)(slash - path.data) - scheme};
        path = (struct span){slash, (size_t)(path.data + path.len - slash)};
    }
    const char *mark = memchr(path.data, '?', path.len);
    if (mark != NULL) {
        head->query = (struct span){mark + 1, (size_t)(path.data + path.len - mark - 1)};
        path.len = (size_t)(mark - path.data);
    }
    head->path = path;
    return 0;
}

static int parse_request_line(struct span line, struct head *head, struct span *authority, const char **why)
{
    const char *first = memchr(line.data, ' ', line.len);
    const char *last = first == NULL ? NULL : memchr(first + 1, ' ', (size_t)(line.data + line.len - first - 1));
    *why = "the request line is not METHOD TARGET HTTP/1.1";
    if (last == NULL)
        return HEAD_BAD;
    head->method = (struct span){line.data, (size_t)(first - line.data)};
    head->target = (struct span){first + 1, (size_t)(last - first - 1)};
    if (!span_is_token(head->method))
        return HEAD_BAD;
    int err = parse_version((struct span){last + 1, (size_t)(line.data + line.len - last - 1)}, head, why);
    return err < 0 ? err : parse_target(head, authority, why);
}

static struct span trimmed(struct span s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = (struct span){s.data + 1, s.len - 1};
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
        --s.len;
    return s;
}

/* In these a tab is no blank: nginx takes it for part of the value, and would see another body than we do. */
static bool says_where_it_ends(struct span name)
{
    return span_equals_nocase(name, "content-length") || span_equals_nocase(name, "transfer-encoding");
}

static int parse_field(struct span line, struct head *head, const char **why)
{
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        *why = "a header field is folded over lines";
        return HEAD_BAD;
    }
    const char *colon = memchr(line.data, ':', line.len);
    struct span name = {line.data, colon == NULL ? 0 : (size_t)(colon - line.data)};
    if (colon == NULL || !span_is_token(name)) {
        *why = "a header field has no proper name before its colon";
        return HEAD_BAD;
    }
    struct span value = trimmed((struct span){colon + 1, (size_t)(line.data + line.len - colon - 1)});
    if (says_where_it_ends(name) && memchr(line.data, '\t', line.len) != NULL) {
        *why = "there is a tab in a field that says where the body ends";
        return HEAD_BAD;
    }
    for (size_t i = 0; i < value.len; ++i)
        if (!is_value_char((unsigned char)value.data[i])) {
            *why = "a header field holds a control character";
            return HEAD_BAD;
        }
    if (head->field_count == HEAD_MAX_FIELDS) {
        *why = "there are too many header fields";
        return HEAD_TOO_LARGE;
    }
    head->fields[head->field_count++] = (struct head_field){name, value};
    return 0;
}

const struct span *head_find(const struct head *head, const char *lowercase_name, size_t *count)
{
    const struct span *found = NULL;
    size_t n = 0;
    for (size_t i = 0; i < head->field_count; ++i) {
        if (!span_equals_nocase(head->fields[i].name, lowercase_name))
            continue;
        if (n++ == 0)
            found = &head->fields[i].value;
    }
    if (count != NULL)
        *count = n;
    return found;
}

/* Does the comma-separated list of all fields of that name hold the word? */
static bool lists(const struct head *head, const char *name, const char *word)
{
    for (size_t i = 0; i < head->field_count; ++i) {
        if (!span_equals_nocase(head->fields[i].name, name))
            continue;
        const char *at = head->fields[i].value.data, *end = at + head->fields[i].value.len;
        while (at <= end) {
            const char *comma = memchr(at, ',', (size_t)(end - at));
            const char *stop = comma == NULL ? end : comma;
            if (span_equals_nocase(trimmed((struct span){at, (size_t)(stop - at)}), word))
                return true;
            at = stop + 1;
        }
    }
    return false;
}

static int read_length(struct head *head, const char **why)
{
    size_t count;
    const struct span *value = head_find(head, "content-length", &count);
    head->content_length = -1;
    if (value == NULL)
        return 0;
    *why = count > 1 ? "there are two Content-Lengths" : "Content-Length is not a decimal number";
    bool readable = count == 1 && value->len <= 18 && span_number(*value, &head->content_length); /* SPAN_NUMBER_MAX */
    return readable ? 0 : HEAD_BAD;
}

static int read_coding(struct head *head, const char **why)
{
    size_t count;
    const struct span *value = head_find(head, "transfer-encoding", &count);
    if (value == NULL)
        return 0;
    *why = "Transfer-Encoding stands beside Content-Length, twice, or in HTTP/1.0";
    if (count > 1 || head->content_length >= 0 || head->minor_version == 0)
        return HEAD_BAD;
    *why = "the only transfer coding known here is chunked";
    if (!span_equals_nocase(*value, "chunked"))
        return HEAD_CODING;
    head->chunked = true;
    return 0;
}

static int read_expectation(struct head *head, const char **why)
{
    size_t count;
    const struct span *value = head_find(head, "expect", &count);
    if (value == NULL || head->minor_version == 0) /* RFC 9110 10.1.1: ignored in HTTP/1.0 */
        return 0;
    *why = "the only expectation known here is 100-continue";
    if (count > 1 || !span_equals_nocase(*value, "100-continue"))
        return HEAD_EXPECTATION;
    head->expect_continue = true;
    return 0;
}

static bool is_host(struct span s) /* the characters of RFC 3986 3.2.2 and 3.2.3, without user information */
{
    static const char marks[] = "-._~%!$&'()*+,;=:[]";
    for (size_t i = 0; i < s.len; ++i) {
        char c = s.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr(marks, c) != NULL))
            return false;
    }
    return true;
}

static bool same_nocase(struct span a, struct span b)
{
    return a.len == b.len && strncasecmp(a.data, b.data, a.len) == 0;
}

/* RFC 9112 3.2: one Host, well-formed, and the authority of an absolute-form target where there is one. */
static int check_host(const struct head *head, struct span authority, const char **why)
{
    size_t count;
    const struct span *host = head_find(head, "host", &count);
    *why = count > 1 ? "there are two Host fields" : "there is no Host field";
    if (count > 1 || (count == 0 && head->minor_version == 1))
        return HEAD_BAD;
    *why = "Host is malformed, or another than the request target's";
    if (host == NULL)
        return is_host(authority) ? 0 : HEAD_BAD;
    return is_host(*host) && (authority.len == 0 || same_nocase(authority, *host)) ? 0 : HEAD_BAD;
}

static int judge(struct head *head, struct span authority, const char **why)
{
    int err = check_host(head, authority, why);
    head->keep_alive =
        !lists(head, "connection", "close") && (head->minor_version == 1 || lists(head, "connection", "keep-alive"));
    if (err == 0)
        err = read_length(head, why);
    if (err == 0)
        err = read_coding(head, why);
    return err == 0 ? read_expectation(head, why) : err;
}

ssize_t head_parse(const char *data, size_t len, struct head *head, const char **why)
{
    const char *at = data, *end = data + (len < HEAD_MAX_BYTES ? len : HEAD_MAX_BYTES);
    struct span line, authority = {NULL, 0};
    int got, err = 0;

    *head = (struct head){.content_length = -1};
    if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
        at += 2;
    if (end - at == 1 && at[0] == '\r' && at == data)
        return 0;
    if ((err = early_check(at, (size_t)(end - at), why)) < 0)
        return err;
    if ((got = take_line(&at, end, &line, why)) == 1)
        err = parse_request_line(line, head, &authority, why);
    while (got == 1 && err == 0) {
        if ((got = take_line(&at, end, &line, why)) == 1 && line.len == 0) {
            err = judge(head, authority, why);
            return err < 0 ? err : at - data;
        }
        if (got == 1)
            err = parse_field(line, head, why);
    }
    if (err < 0 || got < 0)
        return err < 0 ? err : got;
    *why = "the head is larger than 16 KiB";
    return len >= HEAD_MAX_BYTES ? HEAD_TOO_LARGE : 0;
}
