/* Query strings of lists; see filter.h. A parameter that is empty or unknown does not count. */
#include "services/admin-api/resources/filter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/resources/decimal.h"
#include "services/admin-api/resources/decode.h"
#include "services/admin-api/resources/iso_time.h"
#include "services/admin-api/resources/row.h"
#include "shared/http/query.h"

#define LIST_VALUES  500 /* of a comma-separated filter */
#define SEARCH_TERMS 20
#define LOOKED_AT    100000 /* rows, by a search that no index helps: some tenths of a second */
#define SHORT_PIECE  2      /* characters; how many numbers have such a piece is kept */
#define OFFSET_MOST  INT64_C(1000000000)
#define FEW_SUFFIXES 2000 /* of more, fifty are found sooner along the order, among a million */

#define ANY_CASE  " COLLATE \"und-x-icu\"" /* whose letters are those of all scripts, on both databases */
#define SPACES    " \t\r\n\f\v"
#define NO_FILTER " WHERE 1 = 1"

#define ENTER_NUMBER "Enter a number."
#define SELECT_VALID "Select a valid choice. That choice is not one of the available choices."
#define TOO_BIG      "Ensure this value is less than or equal to 9223372036854775807."
#define TOO_SMALL    "Ensure this value is greater than or equal to -9223372036854775808."

struct filtering {
    const struct resource *resource;
    const struct filter *filter;
    const char *value;
    struct db_conn *db;
    struct sql *sql;
    struct filtered *how;
    json_t *errors;
};

bool filter_is_own(const struct resource *r, const char *expression)
{
    return strncmp(r->id, expression, strcspn(r->id, ".") + 1) == 0;
}

static int wrong(const struct filtering *g, const char *message)
{
    return field_error(g->errors, g->filter->name, message);
}

/* With a plus before it an integer column is an expression that no index has: few rows are better looked at. */
static void add_expression(const struct filtering *g)
{
    sql_add(g->sql, g->how->is_few ? " AND +" : " AND ");
    sql_add(g->sql, g->filter->expression);
}

static void compare(const struct filtering *g, enum filter_op op, int64_t value)
{
    static const char *const ops[] = {
        [OP_EQ] = " = ", [OP_LT] = " < ", [OP_LE] = " <= ", [OP_GT] = " > ", [OP_GE] = " >= "};
    add_expression(g);
    sql_add(g->sql, ops[op]);
    sql_int(g->sql, value);
}

/* 1: *n is good; 0: it is not, and errors say so; negative. */
static int number(const struct filtering *g, const char *text, int64_t *n)
{
    int bad = decimal_parse(text, n);
    if (bad == 0)
        return 1;
    int err = wrong(g, bad == -EINVAL ? ENTER_NUMBER : *n > 0 ? TOO_BIG : TOO_SMALL);
    return err < 0 ? err : 0;
}

static int filter_number(const struct filtering *g)
{
    int64_t n;
    int good = number(g, g->value, &n);

    if (good < 1)
        return good;
    compare(g, g->filter->op, n);
    return 0;
}

/* Calls take() for every non-empty piece. */
static int each_piece(const struct filtering *g, const char *separators,
                      int (*take)(const struct filtering *, char *, int))
{
    char *copy = strdup(g->value), *save = NULL;
    int count = 0, err = copy == NULL ? -ENOMEM : 0;

    for (char *piece = err < 0 ? NULL : strtok_r(copy, separators, &save); piece != NULL && err == 0;
         piece = strtok_r(NULL, separators, &save))
        err = take(g, piece, count++);
    free(copy);
    return err < 0 ? err : count;
}

/* One message says enough, however many pieces are wrong. */
static int take_number(const struct filtering *g, char *piece, int count)
{
    int64_t n;
    bool is_wrong = json_object_get(g->errors, g->filter->name) != NULL;
    int good;

    if (is_wrong)
        return 0;
    if (count == LIST_VALUES)
        return wrong(g, "Give no more than 500 values.");
    good = number(g, piece, &n);
    if (good < 1)
        return good;
    sql_add(g->sql, count == 0 ? "" : ", ");
    sql_int(g->sql, n);
    return 0;
}

static int filter_numbers(const struct filtering *g)
{
    add_expression(g);
    sql_add(g->sql, " IN (");
    int count = each_piece(g, ",", take_number);
    sql_add(g->sql, count == 0 ? "NULL)" : ")"); /* commas alone: nothing is one of none */
    return count < 0 ? count : 0;
}

/* "what FROM … WHERE suffix >= piece AND suffix < what follows the piece": the suffixes that begin with it. */
static void add_suffixes(const struct filtering *g, const char *what, const char *piece, struct sql *s)
{
    char behind[256];
    size_t n = (size_t)snprintf(behind, sizeof(behind), "%s", piece);

    behind[n - 1] = (char)(behind[n - 1] + 1);
    sql_add(s, what);
    sql_add(s, g->filter->suffixes);
    sql_add(s, " >= ");
    sql_text(s, piece);
    sql_add(s, " AND suffix < ");
    sql_text(s, behind);
}

/* 1: few suffixes begin with it, 0: too many, negative. */
static int is_rare(const struct filtering *g, const char *piece)
{
    int64_t count = 0;
    struct sql *s = sql_new();

    if (s == NULL)
        return -ENOMEM;
    sql_add(s, "SELECT COUNT(*) FROM (");
    add_suffixes(g, "SELECT 1", piece, s);
    sql_add(s, " LIMIT ");
    sql_int(s, FEW_SUFFIXES + 1);
    sql_add(s, ") few");
    int found = sql_one_int(g->db, s, &count);
    sql_free(s);
    return found < 0 ? found : count <= FEW_SUFFIXES;
}

/* A number counts once, with the first of its suffixes that begin with the piece. */
static void add_count(const struct filtering *g, const char *piece, struct sql *s)
{
    if (strlen(piece) <= SHORT_PIECE) {
        sql_add(s, "SELECT CAST(COALESCE(SUM(tickets), 0) AS BIGINT)");
        sql_add(s, g->filter->pieces);
        sql_text(s, piece);
        return;
    }
    add_suffixes(g, "SELECT COUNT(*)", piece, s);
    sql_add(s, " AND repeated < ");
    sql_int(s, (int64_t)strlen(piece));
}

static int prepare_count(const struct filtering *g, const char *piece)
{
    if (strcmp(g->sql->text, NO_FILTER) != 0)
        return 0;
    g->how->count = sql_new();
    if (g->how->count == NULL)
        return -ENOMEM;
    add_count(g, piece, g->how->count);
    return 0;
}

/* By the table of suffixes, if the piece is rare enough: 1, 0 or negative. */
static int contains_by_index(const struct filtering *g, const char *piece)
{
    if (g->filter->suffixes == NULL)
        return 0;
    if (piece[strspn(piece, "-0123456789")] != '\0') {
        sql_add(g->sql, " AND 1 = 0"); /* in no number */
        return 1;
    }
    int rare = prepare_count(g, piece);
    if (rare == 0)
        rare = is_rare(g, piece);
    if (rare < 1)
        return rare;
    sql_add(g->sql, g->how->is_few ? " AND +" : " AND ");
    sql_add(g->sql, g->resource->id);
    sql_add(g->sql, " IN (");
    add_suffixes(g, "SELECT id", piece, g->sql);
    sql_add(g->sql, ")");
    g->how->is_few = true;
    return 1;
}

/* Of what the other filters leave, which an index finds: 1: not too much to be looked through; 0: errors say what to
 * do; negative. */
static int is_affordable(const struct filtering *g)
{
    int64_t count = 0;
    struct sql *s = sql_new();

    if (s == NULL)
        return -ENOMEM;
    sql_bind_first(s, g->sql);
    sql_add(s, "SELECT COUNT(*) FROM (SELECT 1 FROM ");
    sql_add(s, g->resource->from);
    sql_add(s, g->sql->text);
    sql_add(s, " LIMIT ");
    sql_int(s, LOOKED_AT + 1);
    sql_add(s, ") found");
    int found = sql_one_int(g->db, s, &count);
    sql_free(s);
    if (found < 0 || count <= LOOKED_AT)
        return found < 0 ? found : 1;
    int err = wrong(g, "Give a further filter: more than 100000 would have to be looked through.");
    return err < 0 ? err : 0;
}

/* " AND CAST(expression AS TEXT) LIKE '%piece%'", the piece bound; LOWER of both if the case does not matter. */
static void contains_by_looking(const struct filtering *g, const char *piece)
{
    const char *fold = g->filter->any_case ? "LOWER(CAST(" : "(CAST(";
    const char *folded = g->filter->any_case ? " AS TEXT)" ANY_CASE ")" : " AS TEXT))";
    char pattern[512];
    size_t n = 0;

    pattern[n++] = '%';
    for (; *piece != '\0' && n < sizeof(pattern) - 3; ++piece) {
        if (*piece == '%' || *piece == '_' || *piece == '\\')
            pattern[n++] = '\\';
        pattern[n++] = *piece;
    }
    pattern[n++] = '%';
    pattern[n] = '\0';
    sql_add(g->sql, " AND ");
    sql_add(g->sql, fold);
    sql_add(g->sql, g->filter->expression);
    sql_add(g->sql, folded);
    sql_add(g->sql, " LIKE ");
    sql_add(g->sql, fold);
    sql_text(g->sql, pattern);
    sql_add(g->sql, folded);
    sql_add(g->sql, " ESCAPE '\\'");
    g->how->is_scanned = true;
}

static int contains(const struct filtering *g, const char *piece)
{
    int found = contains_by_index(g, piece);
    if (found == 0)
        contains_by_looking(g, piece);
    if (g->how->counted == 0)
        g->how->counted = g->sql->len;
    return found < 0 ? found : 0;
}

static int filter_contains(const struct filtering *g)
{
    char digits[24];
    int64_t n;
    int good = number(g, g->value, &n);

    if (good < 1)
        return good;
    snprintf(digits, sizeof(digits), "%" PRId64, n);
    if (strchr(g->value, '.') != NULL)
        sql_add(g->sql, " AND 1 = 0"); /* no integer has a point in it */
    else
        return contains(g, digits);
    return 0;
}

static int take_term(const struct filtering *g, char *piece, int count)
{
    int good = count > 0 || g->filter->suffixes != NULL ? 1 : is_affordable(g);

    if (good < 1)
        return good;
    if (count == SEARCH_TERMS || strlen(piece) > 200)
        return wrong(g, "Give no more than 20 terms of 200 characters.");
    return count < SEARCH_TERMS ? contains(g, piece) : 0;
}

static int filter_search(const struct filtering *g)
{
    int count = each_piece(g, ", \t\r\n\f\v", take_term);
    return count < 0 ? count : 0;
}

/* What is neither true nor false does not filter: so the published contract's clients know it. */
static int filter_boolean(const struct filtering *g)
{
    if (strcasecmp(g->value, "true") == 0 || strcmp(g->value, "1") == 0)
        compare(g, OP_EQ, 1);
    else if (strcasecmp(g->value, "false") == 0 || strcmp(g->value, "0") == 0)
        compare(g, OP_EQ, 0);
    return 0;
}

/* Spaces around it do not count, as in each_piece. */
static int filter_text(const struct filtering *g)
{
    size_t start = strspn(g->value, SPACES), end = strlen(g->value);

    while (end > start && strchr(SPACES, g->value[end - 1]) != NULL)
        --end;
    if (end == start)
        return 0;
    add_expression(g);
    sql_add(g->sql, " = ");
    if (g->filter->related != NULL) {
        sql_add(g->sql, "(");
        sql_add(g->sql, g->filter->related);
    }
    sql_value(g->sql, (struct db_value){.kind = DB_TEXT, .bytes = g->value + start, .len = end - start});
    sql_add(g->sql, g->filter->related != NULL ? ")" : "");
    return 0;
}

static int filter_time(const struct filtering *g)
{
    int64_t us;
    if (iso_time_parse(g->value, &us) < 0)
        return wrong(g, "Enter a valid date/time.");
    compare(g, g->filter->op, us);
    return 0;
}

static int filter_year(const struct filtering *g)
{
    int64_t year;
    int good = number(g, g->value, &year);

    if (good < 1)
        return good;
    int64_t start = iso_time_of_year(year), end = iso_time_of_year(year >= 10000 ? 10000 : year + 1);
    if (year < 1 || year > 9999)
        start = end;
    switch (g->filter->op) {
    case OP_LT:
        compare(g, OP_LT, start);
        break;
    case OP_LE:
        compare(g, OP_LT, end);
        break;
    case OP_GT:
        compare(g, OP_GE, end);
        break;
    case OP_GE:
        compare(g, OP_GE, start);
        break;
    default:
        compare(g, OP_GE, start);
        compare(g, OP_LT, end);
    }
    return 0;
}

static int filter_existing(const struct filtering *g)
{
    int64_t n, one;
    struct sql *s;

    if (strchr(g->value, '.') != NULL || integer_parse(g->value, &n) < 0)
        return wrong(g, SELECT_VALID);
    s = sql_new();
    if (s == NULL)
        return -ENOMEM;
    sql_add(s, g->filter->exists);
    sql_int(s, n);
    int found = sql_one_int(g->db, s, &one);
    sql_free(s);
    if (found < 1)
        return found < 0 ? found : wrong(g, SELECT_VALID);
    compare(g, g->filter->op, n);
    return 0;
}

/* In this order: those by a table of suffixes say whether the others' indexes are wanted, and what all of them leave
 * is looked through. */
enum turn { TURN_SUFFIXES, TURN_INDEX, TURN_LOOK };

static enum turn turn_of(const struct filter *f)
{
    if (f->suffixes != NULL)
        return TURN_SUFFIXES;
    return f->type == FILTER_SEARCH ? TURN_LOOK : TURN_INDEX;
}

static int add_filters(const struct exchange *x, struct filtering *g, enum turn turn)
{
    static int (*const by_type[])(const struct filtering *) = {
        [FILTER_NUMBER] = filter_number,   [FILTER_NUMBERS] = filter_numbers,   [FILTER_CONTAINS] = filter_contains,
        [FILTER_BOOLEAN] = filter_boolean, [FILTER_TEXT] = filter_text,         [FILTER_TIME] = filter_time,
        [FILTER_YEAR] = filter_year,       [FILTER_EXISTING] = filter_existing, [FILTER_SEARCH] = filter_search,
    };
    const struct resource *r = g->resource;
    int err = 0;

    for (size_t i = 0; i < r->filter_count && err == 0; ++i) {
        g->filter = r->filters + i;
        g->value = query_get(x->query, g->filter->name);
        if (turn_of(g->filter) != turn || g->value == NULL || g->value[0] == '\0')
            continue;
        g->how->is_joined |= g->filter->expression != NULL && !filter_is_own(r, g->filter->expression);
        err = by_type[g->filter->type](g);
    }
    return err;
}

int filter_where(const struct exchange *x, const struct resource *r, struct db_conn *c, struct sql *s,
                 struct filtered *how, json_t *errors)
{
    struct filtering g = {.resource = r, .db = c, .sql = s, .how = how, .errors = errors};
    int err = 0;

    *how = (struct filtered){.is_few = false};
    sql_add(s, NO_FILTER);
    row_owner(x, r, s);
    for (enum turn turn = 0; turn < TURN_LOOK && err == 0; ++turn)
        err = add_filters(x, &g, turn);
    if (err == 0 && json_object_size(errors) == 0) /* a filter that is wrong may have left half an expression */
        err = add_filters(x, &g, TURN_LOOK);
    if (s->len != how->counted) {
        sql_free(how->count);
        how->count = NULL;
    }
    return err;
}

/* --- ordering, limit, offset --- */

static const struct field *sortable(const struct resource *r, const char *name)
{
    for (const struct field *f = r->fields; f < r->fields + r->field_count; ++f)
        if ((f->rules & RULE_SORTABLE) && strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static int order_by(const struct resource *r, const char *text, struct list_query *q, json_t *errors)
{
    char message[320], copy[256], *save = NULL;

    if (strlen(text) >= sizeof(copy))
        return field_error(errors, "ordering", "Give the names of at most 4 fields, separated by commas.");
    snprintf(copy, sizeof(copy), "%s", text);
    for (char *name = strtok_r(copy, ", ", &save); name != NULL; name = strtok_r(NULL, ", ", &save)) {
        bool descending = name[0] == '-';
        const struct field *f = sortable(r, name + descending);
        if (f == NULL) {
            snprintf(message, sizeof(message), "Select a valid choice. %s is not one of the available choices.", name);
            return field_error(errors, "ordering", message);
        }
        if (q->key_count == LIST_KEYS - 1)
            return field_error(errors, "ordering", "Give the names of at most 4 fields, separated by commas.");
        q->keys[q->key_count++] =
            (struct order){f->order != NULL ? f->order : f->select, descending,
                           f->type == FIELD_TEXT || (f->type == FIELD_REFERENCE && !f->lookup.is_number),
                           !filter_is_own(r, f->select)};
    }
    return 0;
}

static int bounded(const char *text, const char *name, int64_t min, int64_t max, int64_t *out, json_t *errors)
{
    char message[96];
    int bad = integer_parse(text, out);

    if (bad == -EINVAL)
        return field_error(errors, name, "A valid integer is required.");
    if (*out > max || *out < min) {
        snprintf(message, sizeof(message), "Ensure this value is %s than or equal to %" PRId64 ".",
                 *out > max ? "less" : "greater", *out > max ? max : min);
        return field_error(errors, name, message);
    }
    return 0;
}

int filter_list(const struct exchange *x, const struct resource *r, struct list_query *out, json_t *errors)
{
    const char *ordering = query_get(x->query, "ordering"), *limit = query_get(x->query, "limit");
    const char *offset = query_get(x->query, "offset");
    int err = 0;

    *out = (struct list_query){.key_count = 0};
    if (ordering != NULL)
        err = order_by(r, ordering, out, errors);
    if (out->key_count == 0 && r->order.expression != NULL)
        out->keys[out->key_count++] = r->order;
    bool descending = out->key_count > 0 && out->keys[out->key_count - 1].descending;
    out->keys[out->key_count++] = (struct order){.expression = r->id, .descending = descending};
    out->paged = limit != NULL && limit[0] != '\0';
    if (err == 0 && out->paged)
        err = bounded(limit, "limit", 1, x->admin->config->page_limit, &out->limit, errors);
    if (err == 0 && offset != NULL && offset[0] != '\0')
        err = bounded(offset, "offset", 0, OFFSET_MOST, &out->offset, errors);
    if (err == 0 && !out->paged && out->offset > 0)
        err = field_error(errors, "offset", "Give a limit with the offset.");
    return err;
}
