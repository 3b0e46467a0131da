/*
 * The multipart decoder; see multipart.h. The delimiter CRLF--boundary begins with its only CR, so a failed match can
 * begin again only at the byte that failed it: what was held back is always a prefix of the delimiter itself.
 */
#include "shared/http/multipart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/http/disposition.h"

#define DELIMITER_MAX (4 + MULTIPART_MAX_BOUNDARY)
#define NAME_MAX_SIZE 4096 /* bytes of a decoded name or filename */

enum state {
    SCAN,       /* content (or preamble), `held` bytes of the delimiter matched */
    TAIL,       /* the whole delimiter matched: is it really one? */
    TAIL_DASH,  /* and one '-' */
    TAIL_CR,    /* and a CR */
    CONFIRMED,  /* a delimiter: the part is over, then `confirmed` */
    PADDING,    /* blanks between delimiter and CRLF */
    PADDING_LF, /* the CR was there */
    PART_HEAD,  /* header lines */
    EPILOGUE,
    BROKEN
};

struct multipart {
    enum state state, confirmed;
    bool in_part; /* content goes to the caller, not the preamble's way */
    unsigned parts;
    size_t held, head_len, delimiter_len;
    char *head, *name, *filename;
    const char *why;
    char delimiter[DELIMITER_MAX + 1]; /* one more for the '-' of TAIL_DASH */
};

static bool is_boundary_char(char c) /* RFC 2046 5.1.1 bchars */
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("'()+_,-./:=? ", c) != NULL);
}

struct multipart *multipart_new(struct span content_type, const char **why)
{
    char boundary[MULTIPART_MAX_BOUNDARY + 1];
    ssize_t n = disposition_param(content_type, "boundary", false, boundary, sizeof(boundary));
    *why = "there is no usable boundary";
    if (n <= 0 || boundary[n - 1] == ' ')
        return NULL;
    for (ssize_t i = 0; i < n; ++i)
        if (!is_boundary_char(boundary[i]))
            return NULL;
    *why = NULL;
    struct multipart *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return NULL;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary, (size_t)n);
    m->delimiter_len = 4 + (size_t)n;
    m->delimiter[m->delimiter_len] = '-';
    m->held = 2; /* at the very beginning the delimiter needs no CRLF before it */
    return m;
}

static void forget_part(struct multipart *m)
{
    free(m->head);
    free(m->name);
    free(m->filename);
    m->head = m->name = m->filename = NULL;
    m->head_len = 0;
}

void multipart_free(struct multipart *m)
{
    if (m == NULL)
        return;
    forget_part(m);
    free(m);
}

const char *multipart_name(const struct multipart *m)
{
    return m->name;
}

const char *multipart_filename(const struct multipart *m)
{
    return m->filename;
}

const char *multipart_why(const struct multipart *m)
{
    return m->why;
}

static enum multipart_result broken(struct multipart *m, const char *why)
{
    m->state = BROKEN;
    m->why = why;
    return MULTIPART_BAD;
}

/* --- the part's header block --- */

static char *parameter_of(struct span field, const char *name, int *err)
{
    char value[NAME_MAX_SIZE];
    ssize_t n = disposition_param(field, name, true, value, sizeof(value));
    *err = n < 0 && n != -ENOENT ? (int)n : 0;
    return n < 0 ? NULL : strdup(value);
}

/* One line without its CRLF. */
static int read_field(struct multipart *m, struct span line)
{
    static const char wanted[] = "content-disposition";
    const char *colon = memchr(line.data, ':', line.len);
    int err = 0, err2 = 0;

    if (line.data[0] == ' ' || line.data[0] == '\t' || colon == NULL || memchr(line.data, '\n', line.len) != NULL ||
        memchr(line.data, '\0', line.len) != NULL)
        return -EINVAL;
    if (!span_equals_nocase((struct span){line.data, (size_t)(colon - line.data)}, wanted))
        return 0;
    if (m->name != NULL || m->filename != NULL)
        return -EINVAL; /* two of them */
    struct span value = {colon + 1, (size_t)(line.data + line.len - colon - 1)};
    m->name = parameter_of(value, "name", &err);
    m->filename = parameter_of(value, "filename", &err2);
    return err < 0 ? err : err2;
}

static int read_head(struct multipart *m)
{
    const char *at = m->head, *end = m->head + m->head_len - 2; /* before the last, empty line */
    int err = 0;
    while (err == 0 && at < end) {
        const char *cr = memchr(at, '\r', (size_t)(end - at));
        if (cr == NULL || cr[1] != '\n')
            return -EINVAL;
        err = read_field(m, (struct span){at, (size_t)(cr - at)});
        at = cr + 2;
    }
    return err;
}

static bool head_is_complete(const struct multipart *m)
{
    const char *end = m->head + m->head_len;
    return m->head_len >= 2 && memcmp(end - 2, "\r\n", 2) == 0 &&
           (m->head_len == 2 || (m->head_len >= 4 && memcmp(end - 4, "\r\n", 2) == 0));
}

static enum multipart_result take_head(struct multipart *m, const char **data, size_t *len)
{
    if (m->head == NULL && (m->head = malloc(MULTIPART_MAX_PART_HEAD)) == NULL)
        return broken(m, "out of memory");
    while (*len > 0) {
        if (m->head_len == MULTIPART_MAX_PART_HEAD)
            return broken(m, "a part's header is too long");
        m->head[m->head_len++] = **data;
        ++*data;
        --*len;
        if (m->head[m->head_len - 1] != '\n' || !head_is_complete(m))
            continue;
        if (read_head(m) < 0)
            return broken(m, "a part's header is malformed");
        free(m->head);
        m->head = NULL;
        m->head_len = 0;
        m->state = SCAN;
        m->held = 0;
        m->in_part = true;
        return MULTIPART_PART;
    }
    return MULTIPART_MORE;
}

/* --- content --- */

/* Held-back bytes turned out to be content. */
static enum multipart_result give_back(struct multipart *m, size_t count, const char **payload, size_t *payload_len)
{
    *payload = m->delimiter;
    *payload_len = count;
    return m->in_part && count > 0 ? MULTIPART_DATA : MULTIPART_MORE;
}

/* Where content ends for now: at a delimiter, at its possible beginning at the very end, or at the end. */
static size_t content_length(const struct multipart *m, const char *data, size_t len, size_t *matched)
{
    const char *at = data, *end = data + len;
    *matched = 0;
    while (at < end && (at = memchr(at, '\r', (size_t)(end - at))) != NULL) {
        size_t rest = (size_t)(end - at);
        size_t common = rest < m->delimiter_len ? rest : m->delimiter_len;
        if (memcmp(at, m->delimiter, common) == 0) {
            *matched = common;
            return (size_t)(at - data);
        }
        ++at;
    }
    return len;
}

/* MULTIPART_MORE here means: go on, there may be input left. */
static enum multipart_result scan(struct multipart *m, const char **data, size_t *len, const char **payload,
                                  size_t *payload_len)
{
    while (m->held > 0 && m->held<m->delimiter_len && * len> 0) {
        if (**data != m->delimiter[m->held]) {
            size_t held = m->held;
            m->held = 0;
            return give_back(m, held, payload, payload_len);
        }
        ++m->held;
        ++*data;
        --*len;
    }
    if (m->held == 0 && *len > 0) {
        *payload = *data;
        *payload_len = content_length(m, *data, *len, &m->held);
        *data += *payload_len + m->held;
        *len -= *payload_len + m->held;
    } else {
        *payload_len = 0;
    }
    if (m->held == m->delimiter_len)
        m->state = TAIL;
    return m->in_part && *payload_len > 0 ? MULTIPART_DATA : MULTIPART_MORE;
}

/* After the delimiter only `--`, blanks or CRLF make it one; anything else was content that looks like it. */
static enum multipart_result tail(struct multipart *m, const char **data, size_t *len, const char **payload,
                                  size_t *payload_len)
{
    char c = **data;
    enum state was = m->state;

    if (was == TAIL && (c == '-' || c == '\r')) {
        m->state = c == '-' ? TAIL_DASH : TAIL_CR;
    } else if ((was == TAIL_DASH && c == '-') || (was == TAIL_CR && c == '\n') ||
               (was == TAIL && (c == ' ' || c == '\t'))) {
        m->state = CONFIRMED;
        m->confirmed = was == TAIL_DASH ? EPILOGUE : was == TAIL_CR ? PART_HEAD : PADDING;
    } else {
        m->state = SCAN;
        m->held = was == TAIL_CR ? 1 : 0; /* that CR may begin the next delimiter */
        return give_back(m, m->delimiter_len + (was == TAIL_DASH ? 1 : 0), payload, payload_len);
    }
    ++*data;
    --*len;
    return MULTIPART_MORE;
}

static enum multipart_result pass_delimiter(struct multipart *m)
{
    bool was_part = m->in_part;
    m->in_part = false;
    m->state = m->confirmed;
    if (!was_part && m->state != EPILOGUE && m->parts > 0)
        return broken(m, "the parts are malformed");
    forget_part(m);
    if (m->state != EPILOGUE && ++m->parts > MULTIPART_MAX_PARTS)
        return broken(m, "there are too many parts");
    return was_part ? MULTIPART_PART_END : MULTIPART_MORE;
}

static enum multipart_result pad(struct multipart *m, const char **data, size_t *len)
{
    char c = **data;
    if (m->state == PADDING && c == '\r')
        m->state = PADDING_LF;
    else if (m->state == PADDING_LF && c == '\n')
        m->state = PART_HEAD;
    else if (m->state != PADDING || (c != ' ' && c != '\t'))
        return broken(m, "a boundary line does not end after the boundary");
    ++*data;
    --*len;
    return MULTIPART_MORE;
}

static enum multipart_result step(struct multipart *m, const char **data, size_t *len, const char **payload,
                                  size_t *payload_len)
{
    switch (m->state) {
    case SCAN:
        return scan(m, data, len, payload, payload_len);
    case TAIL:
    case TAIL_DASH:
    case TAIL_CR:
        return tail(m, data, len, payload, payload_len);
    case CONFIRMED:
        return pass_delimiter(m);
    case PADDING:
    case PADDING_LF:
        return pad(m, data, len);
    case PART_HEAD:
        return take_head(m, data, len);
    case EPILOGUE:
        *data += *len;
        *len = 0;
        return MULTIPART_END;
    case BROKEN:
        break;
    }
    return MULTIPART_BAD;
}

enum multipart_result multipart_next(struct multipart *m, const char **data, size_t *len, const char **payload,
                                     size_t *payload_len)
{
    enum multipart_result result = MULTIPART_MORE;
    while (result == MULTIPART_MORE && (*len > 0 || m->state == CONFIRMED || m->state == EPILOGUE))
        result = step(m, data, len, payload, payload_len);
    return result;
}
