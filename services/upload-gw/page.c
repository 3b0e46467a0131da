/* The pages' values; see page.h. */
#include "services/upload-gw/page.h"

#include <string.h>
#include <time.h>

#include "services/upload-gw/client_text.h"
#include "shared/http/token.h"

/* Why it cannot be a token, as the section of the page that says so. */
static const char *fault_of(const char *typed)
{
    size_t len = strlen(typed);
    if (strspn(typed, "0123456789abcdefABCDEF-") < len || len == TOKEN_SIZE - 1)
        return "odd";
    return len < TOKEN_SIZE - 1 ? "short" : "long";
}

json_t *page_ask(const char *typed, const char *text, bool sent)
{
    char canonical[TOKEN_SIZE];
    json_t *ask = json_object(), *values = json_pack("{s:b, s:b, s:o}", "app", 1, "sent", sent, "ask", ask);
    size_t len = typed == NULL ? 0 : strlen(typed);

    if (len == 0)
        return values;
    json_object_set_new(ask, "typed", client_text(typed));
    json_object_set_new(ask, "count", json_integer((json_int_t)len));
    if (token_canonical((struct span){typed, len}, canonical) < 0)
        json_object_set_new(ask, fault_of(typed), json_true());
    else
        json_object_set_new(ask, "problem", json_string(text));
    return values;
}

json_t *page_lost(const char *text)
{
    return json_pack("{s:{s:s}, s:{}}", "lost", "text", text, "ask");
}

json_t *page_refused(const char *text)
{
    return json_pack("{s:{s:s}}", "refused", "text", text);
}

json_t *page_arrived(const char *name, int64_t size, const char *sha256, int64_t number)
{
    return json_pack("{s:{s:s, s:I, s:s}, s:I}", "received", "name", name, "size", (json_int_t)size, "sha256", sha256,
                     "ticket", (json_int_t)number);
}

/* "2026-11-30 02:57 UTC" of the API's time. */
static json_t *short_time(json_t *time)
{
    const char *iso = json_string_value(time);
    return iso == NULL ? json_null() : json_sprintf("%.10s %.5s UTC", iso, iso + 11);
}

static const char *state_of(const struct admission *a, bool used)
{
    if (a->resolved)
        return "closed";
    if (a->expires_ms > 0 && a->expires_ms / 1000 <= (int64_t)time(NULL))
        return "over";
    return a->attempts > 0 ? "open" : used ? "used" : "spent";
}

/* The archives' times for people, and the one that was just received. */
static void show_archives(json_t *page, json_t *archives, const char *received)
{
    json_t *archive;
    size_t i;

    json_array_foreach (archives, i, archive) {
        const char *id = json_string_value(json_object_get(archive, "upload_id"));
        json_object_set_new(archive, "time", short_time(json_object_get(archive, "time_create")));
        if (received != NULL && id != NULL && strcmp(received, id) == 0)
            json_object_set(page, "received", archive);
    }
}

json_t *page_ticket(const struct admission *a, json_t *receipt, const char *received)
{
    json_t *archives = json_object_get(receipt, "archives");
    bool used = json_array_size(archives) > 0;
    const char *state = state_of(a, used);

    show_archives(receipt, archives, received);
    bool app = json_object_get(receipt, "received") == NULL, open = strcmp(state, "open") == 0;
    json_object_set_new(receipt, "facts", json_true());
    json_object_set_new(receipt, "number", json_integer((json_int_t)a->number));
    json_object_set_new(receipt, "until", short_time(json_object_get(receipt, "expires_at")));
    json_object_set_new(receipt, "for_ever", json_boolean(a->expires_ms <= 0));
    json_object_set_new(receipt, "app", json_boolean(app));
    json_object_set_new(receipt, "earlier", json_boolean(app && used));
    json_object_set_new(receipt, app ? "form" : "another", json_boolean(open));
    json_object_set_new(receipt, state, json_true());
    return receipt;
}
