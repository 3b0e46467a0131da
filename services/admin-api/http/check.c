/* Health, storage and token checks, and what a path says about itself. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/http/access.h"
#include "services/admin-api/http/handlers.h"
#include "services/admin-api/http/routes.h"
#include "services/admin-api/resources/statements.h"
#include "services/admin-api/storage/storage.h"
#include "shared/http/token.h"

/* Alive: it says nothing about the stores, which come back by themselves. */
int check_health(struct exchange *x)
{
    return answer_json(x, 200, json_pack("{s:s}", "status", "ok"));
}

/* Where clients that follow addresses begin. */
int api_root(struct exchange *x)
{
    return answer_json(x, 200,
                       json_pack("{s:s+,s:s+,s:s+}", "archives", x->base_url, "/api/v1/archives/", "platforms",
                                 x->base_url, "/api/v1/platforms/", "tickets", x->base_url, "/api/v1/tickets/"));
}

int check_storage(struct exchange *x)
{
    struct storage_info info = {.total = 0};
    int err = x->admin->storage == NULL ? -ENODEV : storage_info(x->admin->storage, &info);
    int64_t percent = info.total > 0 ? (info.used * 200 + info.total) / (info.total * 2) : 0;

    if (err < 0)
        info = (struct storage_info){.total = 0};
    return answer_json(x, 200,
                       json_pack("{s:I,s:I,s:I,s:I,s:s}", "total", (json_int_t)info.total, "used",
                                 (json_int_t)info.used, "free", (json_int_t)info.free, "used_percent",
                                 (json_int_t)(err < 0 ? 0 : percent), "status", err < 0 ? "error" : "mount"));
}

/* Where customers upload, for the links the panel hands out. */
int check_site(struct exchange *x)
{
    const char *fixed = x->admin->config->upload_url;
    return answer_json(x, 200, json_pack("{s:s}", "upload_url", fixed[0] != '\0' ? fixed : x->base_url));
}

int check_token_hint(struct exchange *x)
{
    return answer_json(x, 303,
                       json_pack("{s:s}", "detail", "to find out the status of the token, place it in the URL"));
}

struct standing {
    int64_t id;
    json_int_t attempts;
    bool resolved;
};

static int read_standing(const struct db_rows *row, void *arg)
{
    *(struct standing *)arg =
        (struct standing){.id = db_int(row, 0), .attempts = db_int(row, 1), .resolved = db_int(row, 2) != 0};
    return 0;
}

int check_token(struct exchange *x)
{
    char token[TOKEN_SIZE], hash[TOKEN_HASH_SIZE];
    struct standing s = {.id = 0};
    struct db_conn *c;

    if (token_canonical((struct span){x->params[0], strlen(x->params[0])}, token) < 0)
        return answer_error(x, API_NOT_FOUND, NULL);
    int err = token_hash(token, hash);
    if (err == 0)
        err = exchange_db(x, &c);
    if (err == 0)
        err = db_one(c, read_standing, &s, resource_statement(TICKET_BY_TOKEN), hash);
    if (err < 1)
        return err < 0 ? err : answer_error(x, API_NOT_FOUND, NULL);
    return answer_json(x, 200,
                       json_pack("{s:s,s:I,s:b}", "token", token, "attempts", s.attempts, "resolved", (int)s.resolved));
}

/* HEAD without a login: the collection is there, and nothing about what is in it. */
int archives_probe(struct exchange *x)
{
    if (exchange_header(x, "authorization") != NULL || exchange_header(x, "cookie") != NULL) {
        int allowed = access_check(x, ACCESS_USER);
        return allowed < 1 ? allowed : archives_list(x);
    }
    int err = answer_header(x, "Content-Type", "application/json");
    return err < 0 ? err : answer_empty(x, 200);
}

int archives_misdirected(struct exchange *x)
{
    return answer_error(x, API_MISDIRECTED, NULL);
}

int describe_route(struct exchange *x)
{
    return answer_json(x, 200,
                       json_pack("{s:s%,s:[s],s:[s,s]}", "name", x->path.data, x->path.len, "renders",
                                 "application/json", "parses", "application/json", "multipart/form-data"));
}
