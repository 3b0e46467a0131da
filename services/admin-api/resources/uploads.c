/* GET tickets/<number>/uploads/: what customers are sending right now. */
#include <errno.h>

#include "services/admin-api/http/handlers.h"
#include "services/admin-api/resources/iso_time.h"
#include "services/admin-api/resources/resources.h"
#include "services/admin-api/resources/row.h"
#include "services/admin-api/storage/storage.h"

#define US INT64_C(1000000)

struct listing {
    int64_t now_us;
    json_t *list;
};

static json_t *text_or_null(const char *text)
{
    return text[0] == '\0' ? json_null() : json_string(text);
}

static json_t *number_or_null(bool known, int64_t n)
{
    return known ? json_integer(n) : json_null();
}

static int add(void *arg, const struct storage_upload *u)
{
    struct listing *l = arg;
    char started[ISO_TIME_SIZE] = "";
    int64_t age_us = l->now_us - u->started_us;
    bool is_known = u->started_us > 0 && age_us >= 0;

    if (is_known)
        iso_time_format(u->started_us, started);
    json_t *row = json_pack("{s:s,s:o,s:o,s:I,s:o,s:o,s:o,s:o}", "upload_id", u->upload_id, "name",
                            text_or_null(u->name), "client", text_or_null(u->client), "bytes", (json_int_t)u->bytes,
                            "length", number_or_null(u->length >= 0, u->length), "time_start", text_or_null(started),
                            "age", number_or_null(is_known, age_us / US), "rate",
                            number_or_null(is_known && age_us >= US, u->bytes / (age_us >= US ? age_us / US : 1)));
    return row == NULL || json_array_append_new(l->list, row) < 0 ? -ENOMEM : 0;
}

int tickets_uploads(struct exchange *x)
{
    struct listing l = {.now_us = x->now_us};
    struct db_conn *c;
    int64_t id = 0;
    int err = exchange_db(x, &c);

    if (err == 0)
        err = row_find(x, &tickets_resource, c, &id);
    if (err < 1)
        return err < 0 ? err : answer_error(x, API_NOT_FOUND, NULL);
    l.list = json_array();
    err = l.list == NULL ? -ENOMEM : storage_uploads(x->admin->storage, id, add, &l);
    if (err == 0)
        return answer_json(x, 200, l.list);
    json_decref(l.list);
    return err == -ENOMEM ? err : answer_error(x, API_REDIS, NULL);
}
