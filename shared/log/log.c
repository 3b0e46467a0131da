/*
 * One event, one line, one write(2) on standard error. A line is built on the caller's stack, so threads share
 * nothing but the settings; a line that cannot be written is lost rather than waited for. Keys and event names are
 * literals of ours and stand as they are; values are escaped. Never ends the process, never allocates.
 */
#include "shared/log/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <unistr.h>

#define LINE_MAX_BYTES 8192
#define LINE_TAIL      64  /* kept free for the mark of a shortened line and its end */
#define ESCAPE_SIZE    8   /* \uXXXX */
#define BARE_MAX       512 /* longer values stand in quotes, so that a cut shows */

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool cut;
};

static struct {
    enum log_level least;
    enum log_format format;
    const char *service;
} settings = {LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "-"};

static const char *const level_names[] = {"DEBUG", "INFO", "WARN", "ERROR"};

void log_setup(enum log_level least, enum log_format format, const char *service)
{
    settings.least = least;
    settings.format = format;
    settings.service = service;
}

const char *log_errno_text(int err)
{
    const char *text = strerrordesc_np(err < 0 ? -err : err);

    return text ? text : "Unknown error";
}

static bool add(struct line *line, const char *text, size_t len)
{
    if (line->cut || line->len + len > sizeof(line->text) - LINE_TAIL) {
        line->cut = true;
        return false;
    }
    /* cppcheck-suppress uninitvar ; the text up to len is written, what is beyond is not read */
    memcpy(line->text + line->len, text, len);
    line->len += len;
    return true;
}

static void add_text(struct line *line, const char *text)
{
    add(line, text, strlen(text));
}

/* Controls, line separators and the marks that reorder text on a terminal. */
static bool must_escape(ucs4_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* The inside of a quoted value, with JSON's escapes (RFC 8259 7) in both formats; bad UTF-8 becomes U+FFFD. */
static void add_escaped(struct line *line, const char *value)
{
    const unsigned char *s = (const unsigned char *)value;

    while (*s && !line->cut) {
        char escape[ESCAPE_SIZE];
        ucs4_t code;
        int len = u8_strmbtouc(&code, s);

        if (len < 0)
            add_text(line, "\xef\xbf\xbd");
        else if (code == '"' || code == '\\')
            add(line, (const char[]){'\\', (char)code}, 2);
        else if (code == '\n')
            add_text(line, "\\n");
        else if (must_escape(code))
            add(line, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)code & 0xffff));
        else
            add(line, (const char *)s, (size_t)len);
        s += len > 0 ? len : 1;
    }
}

/* A text value that needs no quotes: no reader could take it for anything else. */
static bool is_bare(const char *value)
{
    if (!*value)
        return false;
    for (; *value; value++) {
        if (*value <= ' ' || *value >= 0x7f || strchr("\"\\=", *value))
            return false;
    }
    return true;
}

/* Whether what was added can stay: a quoted value may be cut, anything else goes in whole or not at all. */
static bool add_value(struct line *line, const struct log_field *field)
{
    char number[24];

    if (field->kind == LOG_FIELD_INT) {
        int len = snprintf(number, sizeof(number), "%lld", (long long)field->integer);
        return add(line, number, (size_t)len);
    }
    if (settings.format == LOG_FORMAT_TEXT && is_bare(field->string) && strlen(field->string) < BARE_MAX)
        return add(line, field->string, strlen(field->string));
    if (!add(line, "\"", 1))
        return false;
    add_escaped(line, field->string);
    line->text[line->len++] = '"'; /* LINE_TAIL has room for it */
    return true;
}

static void add_fields(struct line *line, const struct log_field *field)
{
    bool json = settings.format == LOG_FORMAT_JSON;

    for (; field->key && !line->cut; field++) {
        size_t before = line->len;

        if (field->kind == LOG_FIELD_STRING && !field->string)
            continue;
        add_text(line, json ? ",\"" : " ");
        add_text(line, field->key);
        add_text(line, json ? "\":" : "=");
        if (!add_value(line, field))
            line->len = before;
    }
}

static void add_time(struct line *line)
{
    struct timespec now;
    struct tm utc;
    char text[40];
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    len += (size_t)snprintf(text + len, sizeof(text) - len, ".%06ldZ", now.tv_nsec / 1000);
    add(line, text, len);
}

static void add_head(struct line *line, enum log_level level, const char *event)
{
    bool json = settings.format == LOG_FORMAT_JSON;
    const char *const parts[] = {level_names[level], settings.service, event};
    const char *const labels[] = {"\",\"level\":\"", "\",\"service\":\"", "\",\"event\":\""};

    add_text(line, json ? "{\"time\":\"" : "");
    add_time(line);
    for (size_t i = 0; i < 3; i++) {
        add_text(line, json ? labels[i] : " ");
        add_text(line, parts[i]);
    }
    add_text(line, json ? "\"" : "");
}

/* Into the bytes LINE_TAIL keeps. */
static void finish(struct line *line)
{
    bool json = settings.format == LOG_FORMAT_JSON;
    const char *mark = json ? ",\"truncated\":true" : " truncated=true";
    const char *end = json ? "}\n" : "\n";

    if (line->cut) {
        memcpy(line->text + line->len, mark, strlen(mark));
        line->len += strlen(mark);
    }
    memcpy(line->text + line->len, end, strlen(end));
    line->len += strlen(end);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    struct line line;
    int saved = errno;

    if (level < settings.least)
        return;
    line.len = 0;
    line.cut = false;
    add_head(&line, level, event);
    add_fields(&line, fields);
    finish(&line);
    while (write(STDERR_FILENO, line.text, line.len) < 0 && errno == EINTR)
        ;
    errno = saved;
}
