/* Cookies; see cookie.h. What is in them means nothing here. */
#include "services/admin-api/http/cookie.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/loop/server.h"

/* The next name=value of a Cookie header; false at its end. */
static bool next_pair(struct span *rest, struct span *name, struct span *value)
{
    while (rest->len > 0 && strchr("; \t", rest->data[0]) != NULL) {
        ++rest->data;
        --rest->len;
    }
    const char *end = memchr(rest->data, ';', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
    const char *equals = memchr(rest->data, '=', len);

    *name = (struct span){rest->data, equals == NULL ? 0 : (size_t)(equals - rest->data)};
    *value = equals == NULL ? (struct span){rest->data, 0}
                            : (struct span){equals + 1, (size_t)(rest->data + len - equals) - 1};
    rest->data += len;
    rest->len -= len;
    return len > 0;
}

struct span cookie_find(const struct exchange *x, const char *name)
{
    struct span found, value;
    size_t count;
    const struct head_field *fields = server_fields(x->call, &count);

    for (size_t i = 0; i < count; ++i) {
        struct span rest = fields[i].value;
        while (span_equals(fields[i].name, "cookie") && next_pair(&rest, &found, &value))
            if (span_equals(found, name))
                return value;
    }
    return (struct span){"", 0};
}

int cookie_set(struct exchange *x, const char *name, const char *value)
{
    char text[256];
    bool secure = strncmp(x->base_url, "https://", 8) == 0, hidden = strcmp(name, COOKIE_SESSION) == 0;
    int64_t seconds = value[0] == '\0' ? 0 : x->admin->config->session_lifetime / 1000;

    snprintf(text, sizeof(text), "%s=%s; Path=/; Max-Age=%" PRId64 "; SameSite=Lax%s%s", name, value, seconds,
             hidden ? "; HttpOnly" : "", secure ? "; Secure" : "");
    return answer_header(x, "Set-Cookie", text);
}

struct session_limits cookie_session_limits(const struct exchange *x)
{
    const struct admin_config *config = x->admin->config;
    return (struct session_limits){.idle_us = config->session_idle * 1000,
                                   .lifetime_us = config->session_lifetime * 1000};
}
