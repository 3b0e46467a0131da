/*
 * The query string of a list turned into SQL: whatever comes in, the text is made of the descriptors' constants, and
 * every value of the client's is bound.
 */
#include "services/admin-api/resources/filter.h"
#include "shared/http/query.h"
#include "tests/fuzz/fuzz.h"

static const struct field fields[] = {
    {.name = "a", .type = FIELD_INTEGER, .rules = RULE_SORTABLE, .select = "t.a"},
    {.name = "b", .type = FIELD_TEXT, .rules = RULE_SORTABLE, .select = "t.b"},
    {.name = "c", .type = FIELD_TEXT, .select = "t.c"},
};

static const struct filter filters[] = {
    {.name = "n", .type = FILTER_NUMBER, .expression = "t.n"},
    {.name = "n__lte", .type = FILTER_NUMBER, .expression = "t.n", .op = OP_LE},
    {.name = "n__gte", .type = FILTER_NUMBER, .expression = "t.n", .op = OP_GE},
    {.name = "in", .type = FILTER_NUMBERS, .expression = "t.n"},
    {.name = "has", .type = FILTER_CONTAINS, .expression = "t.n"},
    {.name = "yes", .type = FILTER_BOOLEAN, .expression = "t.y"},
    {.name = "user", .type = FILTER_TEXT, .expression = "t.u"},
    {.name = "time", .type = FILTER_TIME, .expression = "t.t"},
    {.name = "year", .type = FILTER_YEAR, .expression = "t.t"},
    {.name = "year__lt", .type = FILTER_YEAR, .expression = "t.t", .op = OP_LT},
    {.name = "search", .type = FILTER_SEARCH, .expression = "t.n"},
};

static const struct resource resource = {
    .from = "things t",
    .id = "t.id",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .filters = filters,
    .filter_count = sizeof(filters) / sizeof(filters[0]),
};

/* Every $n stands once, in order; nothing else of the text can be the client's. */
static void check_sql(const struct sql *s)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .=<>(),'\\$*";
    size_t seen = 0;
    if (s->full)
        return;
    HOLDS(strspn(s->text, plain) == s->len && s->count <= SQL_VALUES);
    for (const char *p = strchr(s->text, '$'); p != NULL; p = strchr(p + 1, '$'))
        HOLDS(strtoul(p + 1, NULL, 10) == ++seen);
    HOLDS(seen == s->count);
}

/* How many rows a search would look through: few, many, too many. */
int __wrap_sql_one_int(struct db_conn *c, const struct sql *s, int64_t *out);

int __wrap_sql_one_int(struct db_conn *c, const struct sql *s, int64_t *out)
{
    HOLDS(c == NULL);
    check_sql(s);
    *out = (int64_t)(s->len % 3) * 60000;
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct admin_config config = {.page_limit = 1000};
    static const struct admin admin = {.config = &config};
    struct exchange x = {.admin = &admin};
    struct list_query list;
    struct filtered how;
    const char *why;

    if (query_parse((struct span){(const char *)data, size}, &x.query, &why) < 0)
        return 0;
    struct sql *s = sql_new();
    json_t *errors = json_object();
    HOLDS(s != NULL && errors != NULL);
    HOLDS(filter_where(&x, &resource, NULL, s, &how, errors) == 0 && filter_list(&x, &resource, &list, errors) == 0);
    if (json_object_size(errors) == 0) {
        check_sql(s);
        HOLDS(list.key_count >= 1 && list.key_count <= LIST_KEYS && list.offset >= 0);
        HOLDS(!list.paged || (list.limit >= 1 && list.limit <= 1000));
    }
    json_decref(errors);
    sql_free(how.count);
    sql_free(s);
    query_free(x.query);
    return 0;
}
