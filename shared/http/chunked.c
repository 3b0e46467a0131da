/* The chunked decoder; see chunked.h. */
#include "shared/http/chunked.h"

#include "shared/http/head.h"

#define MAX_LINE    4096 /* bytes of one chunk's extensions or of one trailer field */
#define MAX_TRAILER 16384
#define MAX_DIGITS  13 /* 52 bits: no overflow here, and none in proxies, which take no more either */

enum {
    SIZE_FIRST,   /* at the first digit of a size */
    SIZE,         /* in the digits */
    SIZE_BLANK,   /* in blanks behind the digits: CR or ';' must follow */
    EXTENSION,    /* after ';' */
    SIZE_LF,      /* after the size line's CR */
    DATA,         /* in a chunk */
    DATA_CR,      /* after a chunk */
    DATA_LF,      /* after its CR */
    TRAILER_LINE, /* at the beginning of a trailer line, or of the last CRLF */
    TRAILER_NAME, /* in the name of a trailer field */
    TRAILER,      /* behind its colon */
    TRAILER_LF,   /* after its CR */
    LAST_LF,      /* after the CR of the empty line */
    OVER
};

void chunked_init(struct chunked *c)
{
    *c = (struct chunked){.state = SIZE_FIRST};
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Text inside extensions and trailers: anything visible, blanks, obs-text. */
static int is_text(char c)
{
    return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f);
}

static int on_size_char(struct chunked *c, char byte)
{
    int digit = digit_of(byte);
    if (digit >= 0) {
        c->left = c->left * 16 + (uint64_t)digit;
        return ++c->digits <= MAX_DIGITS ? SIZE : -1;
    }
    c->line = 0;
    if (c->state == SIZE_FIRST)
        return -1;
    if (byte == '\r')
        return SIZE_LF;
    return byte == ';' ? EXTENSION : byte == ' ' || byte == '\t' ? SIZE_BLANK : -1;
}

/* RFC 9112 7.1.1 has blanks before a ';' only; before the CR they are harmless and some senders pad so. */
static int on_blank_char(struct chunked *c, char byte)
{
    if (byte == '\r' || byte == ';')
        return byte == ';' ? EXTENSION : SIZE_LF;
    return (byte == ' ' || byte == '\t') && ++c->line <= MAX_LINE ? SIZE_BLANK : -1;
}

static int after_size(struct chunked *c)
{
    c->digits = 0;
    return c->left > 0 ? DATA : TRAILER_LINE;
}

static int on_text_char(struct chunked *c, char byte, int after_cr)
{
    if (byte == '\r')
        return after_cr;
    if (!is_text(byte) || ++c->line > MAX_LINE)
        return -1;
    return after_cr == SIZE_LF ? EXTENSION : ++c->trailer <= MAX_TRAILER ? TRAILER : -1;
}

/* RFC 9112 7.1.2: trailer fields are fields: a name, which is a token, and its colon. */
static int on_name_char(struct chunked *c, char byte)
{
    if (++c->line > MAX_LINE || ++c->trailer > MAX_TRAILER)
        return -1;
    if (byte == ':')
        return c->state == TRAILER_NAME ? TRAILER : -1;
    return span_is_token((struct span){&byte, 1}) ? TRAILER_NAME : -1;
}

/* The state after one byte that is not payload, or -1. */
static int step(struct chunked *c, char byte)
{
    switch (c->state) {
    case SIZE_FIRST:
    case SIZE:
        return on_size_char(c, byte);
    case SIZE_BLANK:
        return on_blank_char(c, byte);
    case EXTENSION:
        return on_text_char(c, byte, SIZE_LF);
    case SIZE_LF:
        return byte == '\n' ? after_size(c) : -1;
    case DATA_CR:
        return byte == '\r' ? DATA_LF : -1;
    case DATA_LF:
        return byte == '\n' ? SIZE_FIRST : -1;
    case TRAILER_LINE:
        c->line = 0;
        return byte == '\r' ? LAST_LF : on_name_char(c, byte);
    case TRAILER_NAME:
        return on_name_char(c, byte);
    case TRAILER:
        return on_text_char(c, byte, TRAILER_LF);
    case TRAILER_LF:
        return byte == '\n' ? TRAILER_LINE : -1;
    case LAST_LF:
        return byte == '\n' ? OVER : -1;
    default:
        return -1;
    }
}

enum chunked_result chunked_next(struct chunked *c, const char **data, size_t *len, const char **payload,
                                 size_t *payload_len)
{
    while (*len > 0 && c->state != OVER) {
        if (c->state == DATA) {
            size_t take = *len < c->left ? *len : (size_t)c->left;
            *payload = *data;
            *payload_len = take;
            *data += take;
            *len -= take;
            c->left -= take;
            if (c->left == 0)
                c->state = DATA_CR;
            return CHUNKED_PAYLOAD;
        }
        int next = step(c, **data);
        if (next < 0)
            return CHUNKED_BAD;
        c->state = next;
        ++*data;
        --*len;
    }
    return c->state == OVER ? CHUNKED_END : CHUNKED_MORE;
}
