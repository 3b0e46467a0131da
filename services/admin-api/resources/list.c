/*
 * Lists, whole ones and pages: what is no longer than a batch is answered at once, the rest streams in batches, each
 * found behind the last row of the one before, so that a slow reader holds neither a connection nor more than one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/resources/list_sql.h"
#include "services/admin-api/resources/row.h"
#include "shared/http/percent.h"
#include "shared/http/query.h"
#include "shared/loop/server.h"

#define FIRST_ROWS  100 /* of the first batch; the next ones by what its rows took */
#define LEAST_ROWS  20
#define MOST_ROWS   2500
#define PIECE_ROWS  500         /* of one query: the next one runs while these become text */
#define WHOLE_BYTES (256 << 10) /* what is longer streams */
#define BATCH_BYTES (1 << 20)
#define FEW_ROWS    1000 /* sorted in a millisecond */

#define QUERY_PLAIN PERCENT_UNRESERVED ",:" /* of values that are lists and times */

struct list {
    struct server_source source;
    const struct exchange *x;
    const struct resource *resource;
    struct list_query query;
    struct sql *where; /* " WHERE …" alone */
    struct filtered how;
    bool begun, filled, ended, is_streamed;
    int64_t left;                    /* rows that may still come */
    int batch, count;                /* rows of the next one at most; of this one so far */
    int columns;                     /* before those of the keys */
    bool is_behind;                  /* what comes next is behind `last` */
    struct db_value last[LIST_KEYS]; /* of the last row asked for; texts are the list's */
    struct jsontext text;            /* the piece under construction */
};

/* Rows asked for at once. */
struct piece {
    struct db_rows *rows;
    int wanted;
};

static void forget_last(struct list *l)
{
    for (size_t i = 0; i < LIST_KEYS; ++i) {
        free((void *)(uintptr_t)l->last[i].bytes);
        l->last[i] = (struct db_value){.kind = DB_NULL};
    }
}

static void list_free(struct server_source *source)
{
    struct list *l = (struct list *)source;
    if (l == NULL)
        return;
    forget_last(l);
    sql_free(l->where);
    sql_free(l->how.count);
    jsontext_free(&l->text);
    free(l);
}

/* --- the text --- */

static int append_row(struct list *l, const struct db_rows *row)
{
    jsontext_raw(&l->text, l->begun ? "," : "[", 1);
    row_text(l->x, l->resource, row, &l->text);
    l->begun = true;
    return l->text.failed ? -ENOMEM : 0;
}

/* --- the rows --- */

/* The rows behind the last one: k1 >= a AND (k1 > a OR (k1 = a AND (k2 … ))), by each key's direction. */
static void add_behind(const struct list *l, struct sql *s)
{
    size_t n = l->query.key_count;

    for (size_t i = 0; i < n; ++i) {
        const struct order *key = l->query.keys + i;
        bool last = i + 1 == n;
        sql_add(s, " AND ");
        if (!last) {
            sql_add(s, key->expression);
            sql_add(s, key->descending ? " <= " : " >= ");
            sql_value(s, l->last[i]);
            sql_add(s, " AND (");
        }
        sql_add(s, key->expression);
        sql_add(s, key->descending ? " < " : " > ");
        sql_value(s, l->last[i]);
        if (!last) {
            sql_add(s, " OR (");
            sql_add(s, key->expression);
            sql_add(s, " = ");
            sql_value(s, l->last[i]);
        }
    }
    for (size_t i = 0; i + 1 < n; ++i)
        sql_add(s, "))");
}

static int remember(struct list *l, const struct db_rows *row)
{
    int column = l->columns;

    forget_last(l);
    for (size_t i = 0; i < l->query.key_count; ++i, ++column) {
        if (!l->query.keys[i].is_text) {
            l->last[i] = (struct db_value){.kind = DB_INT, .integer = db_int(row, column)};
            continue;
        }
        char *copy = strdup(db_text(row, column));
        if (copy == NULL)
            return -ENOMEM;
        l->last[i] = (struct db_value){.kind = DB_TEXT, .bytes = copy, .len = strlen(copy)};
    }
    l->is_behind = true;
    return 0;
}

static int piece_sql(struct list *l, int rows, struct sql *s)
{
    char keys[1024];
    size_t n = 0;

    keys[0] = '\0';
    for (size_t i = 0; i < l->query.key_count && n < sizeof(keys); ++i)
        n += (size_t)snprintf(keys + n, sizeof(keys) - n, ", %s", l->query.keys[i].expression);
    if (n >= sizeof(keys))
        return -E2BIG;
    if (l->query.paged && !l->is_behind) {
        l->columns = list_sql_page(l->resource, l->where, &l->how, &l->query, keys, rows, s);
        return 0;
    }
    sql_bind_first(s, l->where);
    l->columns = row_select(l->resource, s, keys);
    sql_add(s, l->where->text);
    if (l->is_behind)
        add_behind(l, s);
    list_sql_order(&l->query, l->how.is_few, s);
    sql_add(s, " LIMIT ");
    sql_int(s, rows);
    return 0;
}

/* The next rows, as many as the batch still lacks or a piece has. */
static int ask(struct list *l, struct db_conn *c, struct piece *p)
{
    struct sql *s = sql_new();

    p->wanted = l->batch - l->count < PIECE_ROWS ? l->batch - l->count : PIECE_ROWS;
    if (p->wanted > l->left)
        p->wanted = (int)l->left;
    l->left -= p->wanted;
    int err = s == NULL ? -ENOMEM : piece_sql(l, p->wanted, s);
    if (err == 0)
        err = sql_query_few(c, &p->rows, s);
    sql_free(s);
    return err;
}

/* Held rows become text while the database looks for those behind them. */
static int read_held(struct list *l, struct db_conn *c, const struct piece *p, int held, struct piece *next)
{
    int err = 0;

    l->count += held;
    l->ended = held < p->wanted || l->left == 0;
    if (!l->ended) {
        db_seek(p->rows, held - 1);
        err = remember(l, p->rows);
        if (err == 0 && l->count < l->batch)
            err = ask(l, c, next);
    }
    for (int row = 0; row < held && err == 0; ++row) {
        db_seek(p->rows, row);
        err = append_row(l, p->rows);
    }
    return err;
}

static int read_steps(struct list *l, struct db_conn *c, const struct piece *p, struct piece *next)
{
    int count = 0, err = 0, more = 0;

    while (err == 0 && (more = db_step(p->rows)) == 1) {
        err = append_row(l, p->rows);
        if (err == 0 && ++count == p->wanted)
            err = remember(l, p->rows);
    }
    if (err < 0 || more < 0)
        return err < 0 ? err : more;
    l->count += count;
    l->ended = count < p->wanted || l->left == 0;
    return l->ended || l->count == l->batch ? 0 : ask(l, c, next);
}

/* However long rows are: as many as a text of this size has, by the `len` bytes of the last ones. */
static int rows_of_next(const struct list *l, size_t len)
{
    size_t wanted = l->is_streamed || l->text.len >= WHOLE_BYTES ? BATCH_BYTES : WHOLE_BYTES - l->text.len;
    size_t rows = l->count == 0 ? FIRST_ROWS : wanted / (len / (size_t)l->count + 1);
    return rows < LEAST_ROWS ? LEAST_ROWS : rows > MOST_ROWS ? MOST_ROWS : (int)rows;
}

static int read_batch(struct list *l, struct db_conn *c)
{
    struct piece p, next = {.rows = NULL};
    size_t before = l->text.len;

    l->count = 0;
    int err = ask(l, c, &next);
    while (err == 0 && next.rows != NULL) {
        p = next;
        next.rows = NULL;
        int held = db_hold(p.rows);
        if (held == -ENOTSUP)
            err = read_steps(l, c, &p, &next);
        else
            err = held < 0 ? held : read_held(l, c, &p, held, &next);
        db_rows_free(p.rows);
    }
    db_rows_free(next.rows);
    l->batch = rows_of_next(l, l->text.len - before);
    return err;
}

static void append_end(struct list *l)
{
    jsontext_raw(&l->text, l->begun ? "]" : "[]", l->begun ? 1 : 2);
    if (l->query.paged)
        jsontext_raw(&l->text, "}", 1);
}

static int fill(struct list *l, struct db_conn *c)
{
    int err = read_batch(l, c);
    if (err == 0 && l->ended)
        append_end(l);
    if (l->text.failed)
        err = -ENOMEM;
    l->filled = err == 0;
    return err;
}

static int list_produce(struct server_source *source, const char **data, size_t *len)
{
    struct list *l = (struct list *)source;
    struct db_conn *c;

    if (!l->filled) {
        int err = db_acquire(l->x->admin->db, &c);
        if (err < 0)
            return err;
        l->text.len = 0;
        err = fill(l, c);
        db_release(c);
        if (err < 0)
            return err;
    }
    l->filled = false;
    *data = l->text.bytes;
    *len = l->text.len;
    return l->ended ? 0 : 1;
}

/* --- pages --- */

static int count_rows(const struct list *l, struct db_conn *c, int64_t *out)
{
    struct sql *s = sql_new();
    if (s == NULL)
        return -ENOMEM;
    list_sql_count(l->resource, l->where, &l->how, s);
    int err = sql_count(c, s, out);
    sql_free(s);
    return err;
}

/* This request's address with another offset (0: left out). */
static json_t *page_url(const struct list *l, int64_t offset)
{
    char *url = NULL;
    size_t size;
    FILE *out = open_memstream(&url, &size);
    const struct exchange *x = l->x;

    if (out == NULL)
        return NULL;
    fprintf(out, "%s%.*s?limit=%" PRId64, x->base_url, (int)x->path.len, x->path.data, l->query.limit);
    if (offset > 0)
        fprintf(out, "&offset=%" PRId64, offset);
    for (size_t i = 0; i < query_count(x->query); ++i) {
        const struct query_pair *p = query_at(x->query, i);
        if (strcmp(p->key, "limit") == 0 || strcmp(p->key, "offset") == 0)
            continue;
        char *key = percent_encoded(p->key, QUERY_PLAIN), *value = percent_encoded(p->value, QUERY_PLAIN);
        if (key != NULL && value != NULL)
            fprintf(out, "&%s=%s", key, value);
        free(key);
        free(value);
    }
    json_t *result = fclose(out) == 0 ? json_string(url) : NULL;
    free(url);
    return result;
}

/* Whether an index can find the few rows that the filters leave; one that looks at every row does it best along the
 * order, until there are enough. */
static bool is_few(const struct list *l, int64_t count)
{
    return l->how.is_few || (count <= FEW_ROWS && l->where->count > 0 && !l->how.is_scanned);
}

static void add_member(struct list *l, const char *before, json_t *value)
{
    jsontext_raw(&l->text, before, strlen(before));
    jsontext_value(&l->text, value);
}

/* What stands before its rows. */
static int begin_page(struct list *l, struct db_conn *c)
{
    int64_t count = 0, limit = l->query.limit, offset = l->query.offset;
    int err = count_rows(l, c, &count);

    if (err < 0)
        return err;
    add_member(l, "{\"count\":", json_integer(count));
    add_member(l, ",\"next\":", offset + limit < count ? page_url(l, offset + limit) : json_null());
    add_member(l, ",\"previous\":", offset > 0 ? page_url(l, offset > limit ? offset - limit : 0) : json_null());
    jsontext_raw(&l->text, ",\"results\":", 11);
    l->how.is_few = is_few(l, count);
    l->left = limit < count - offset ? limit : count > offset ? count - offset : 0;
    l->ended = l->left == 0;
    return 0;
}

/* --- the verb --- */

/* 1: go on; 0: answered; negative. */
static int prepare(struct exchange *x, struct list *l, struct db_conn *c)
{
    json_t *errors = json_object();
    int err = errors == NULL ? -ENOMEM : filter_where(x, l->resource, c, l->where, &l->how, errors);

    if (err == 0)
        err = filter_list(x, l->resource, &l->query, errors);
    if (err == 0 && json_object_size(errors) > 0)
        return answer_fields(x, errors);
    json_decref(errors);
    return err < 0 ? err : 1;
}

/* What is all there has a length and an ETag. The list's end is the caller's unless *gone. */
static int answer_list(struct exchange *x, struct list *l, struct db_conn *c, bool *gone)
{
    int err = l->query.paged ? begin_page(l, c) : 0;

    if (err == 0 && l->ended)
        append_end(l);
    while (err == 0 && !l->ended && l->text.len < WHOLE_BYTES)
        err = fill(l, c);
    if (err < 0 || l->text.failed)
        return err < 0 ? err : -ENOMEM;
    *gone = l->is_streamed = !l->ended;
    if (l->is_streamed)
        return answer_stream(x, 200, "application/json", &l->source, -1);
    char *text = l->text.bytes;
    l->text.bytes = NULL;
    return answer_text(x, 200, text, l->text.len);
}

int resource_list(struct exchange *x, const struct resource *r)
{
    struct db_conn *c;
    struct list *l = calloc(1, sizeof(*l));
    bool gone = false;
    int err = -ENOMEM;

    if (l == NULL)
        return err;
    l->source = (struct server_source){.produce = list_produce, .free = list_free};
    l->x = x;
    l->resource = r;
    l->batch = FIRST_ROWS;
    l->left = INT64_MAX;
    l->where = sql_new();
    if (l->where != NULL)
        err = exchange_db(x, &c);
    if (err == 0 && r->before_read != NULL)
        err = r->before_read(x, c, 0);
    if (err == 0)
        err = prepare(x, l, c);
    if (err == 1)
        err = answer_list(x, l, c, &gone);
    if (!gone)
        list_free(&l->source);
    return err;
}
