/*
 * One line per event on standard error, text or JSON, one write(2) each, safe from any thread.
 * Fields are typed; strings are escaped, so no input can forge a line. Never give it a token, password or secret.
 */
#ifndef LC_SHARED_LOG_H
#define LC_SHARED_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON }; /* the order of LOG_FORMAT's choices */

struct log_field {
    const char *key; /* NULL ends a list */
    enum { LOG_FIELD_STRING, LOG_FIELD_INT } kind;
    const char *string; /* NULL is left out */
    int64_t integer;
};

#define LOG_S(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_STRING, .string = (v)})
#define LOG_I(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_INT, .integer = (int64_t)(v)})
/* A negative errno as error="No space left on device". */
#define LOG_E(err) LOG_S("error", log_errno_text(err))

/* Call once before threads start; until then: info, text. */
void log_setup(enum log_level least, enum log_format format, const char *service);

/* `event` is a dotted name such as "upload.published"; `fields` ends with a NULL key. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);
const char *log_errno_text(int err); /* static text; takes errno or -errno */

#define LOG_FIELDS(...)         ((const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})
#define log_debug(event, ...)   log_write(LOG_LEVEL_DEBUG, event, LOG_FIELDS(__VA_ARGS__))
#define log_info(event, ...)    log_write(LOG_LEVEL_INFO, event, LOG_FIELDS(__VA_ARGS__))
#define log_warn(event, ...)    log_write(LOG_LEVEL_WARN, event, LOG_FIELDS(__VA_ARGS__))
#define log_error(event, ...)   log_write(LOG_LEVEL_ERROR, event, LOG_FIELDS(__VA_ARGS__))

#endif
