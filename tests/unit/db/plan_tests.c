/*
 * The lists of tickets and archives find their rows by an index, on tables of a size at which it matters: the
 * statements are those that the API makes of a query string, the plans the database's own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/config.h"
#include "services/admin-api/resources/list_sql.h"
#include "services/admin-api/resources/resources.h"
#include "services/admin-api/schema/tables.h"
#include "shared/http/query.h"
#include "tests/unit/db/suite.h"

enum { PLAN_SIZE = 8192, TICKETS = 100000, PORTION = 1000 };

/* Words of a plan that show a table read as a whole, or rows sorted that an index has in order. */
static const struct {
    const char *dialect, *whole[2], *sorted;
} words[] = {
    {"sqlite", {"SCAN t\n", "SCAN a\n"}, "USE TEMP B-TREE FOR ORDER BY"},
    {"postgres", {"Seq Scan on tickets", "Seq Scan on archives"}, "->  Sort "},
};

/* By which index: words of sqlite's and of PostgreSQL's plan; NULL: any of several will do. */
static const struct {
    const struct resource *resource;
    const char *query, *sqlite, *postgres;
    bool is_few; /* rows that may be sorted */
} cases[] = {
    {&tickets_resource, "", "tickets_created", "tickets_created", false},
    {&tickets_resource, "number=1000007", "(number=?)", "Index Cond: (number = ", true},
    {&tickets_resource, "number__in=1000007,1000014,5", "(number=?)", "Index Cond: (number = ANY", true},
    {&tickets_resource, "number__gte=1699000", "(number>?)", "Index Cond: (number >= ", true},
    {&tickets_resource, "number__lte=1000100", "(number<?)", "Index Cond: (number <= ", true},
    {&tickets_resource, "id=5", "(rowid=?)", "Index Cond: (id = ", true},
    {&tickets_resource, "id__in=5,6,7", "(rowid=?)", "Index Cond: (id = ANY", true},
    {&tickets_resource, "id__gte=99990", "(rowid>?)", "Index Cond: (id >= ", true},
    {&tickets_resource, "resolved=false", "tickets_resolved (resolved=?)", "tickets_resolved", false},
    {&tickets_resource, "resolved=true", "tickets_resolved (resolved=?)", NULL, false},
    {&tickets_resource, "user=u7", "tickets_user (user_id=?)", NULL,
     false}, /* or along tickets_created: few are sorted */
    {&tickets_resource, "user=nobody", "tickets_user (user_id=?)", NULL, false},
    {&tickets_resource, "user=u7&resolved=false", NULL, NULL, true},
    {&tickets_resource, "year=2024", "tickets_created (time_create>? AND time_create<?)", "tickets_created", false},
    {&tickets_resource, "ordering=number", NULL, "tickets_number_key", false},
    {&tickets_resource, "search=0007", "ticket_suffixes USING PRIMARY KEY (suffix>? AND suffix<?)",
     "Index Cond: ((suffix >= ", true},
    {&tickets_resource, "number__contains=10000&resolved=true&year__gte=2020&search=7",
     "ticket_suffixes USING PRIMARY KEY (suffix>? AND suffix<?)", "Index Cond: ((suffix >= ", true},
    {&tickets_resource, "search=0007&user=u7", "SEARCH t USING INTEGER PRIMARY KEY (rowid=?)",
     "Index Only Scan using tickets_looked_up", true},
    {&archives_resource, "", "archives_created", "archives_created", false},
    {&archives_resource, "ticket=1000007", "(number=?)", "Index Cond: (number = ", true},
    {&archives_resource, "id=5", "(rowid=?)", "Index Cond: (id = ", true},
    {&archives_resource, "id__lte=20", "(rowid<?)", "Index Cond: (id <= ", true},
    {&archives_resource, "time_create__gte=2025-01-01", "archives_created (time_create>?)", "archives_created", false},
    {&archives_resource, "time_create__lte=2024-01-02", "archives_created (time_create<?)", "archives_created", false},
    {&archives_resource, "time_create=2024-01-02", "archives_created (time_create=?)", "archives_created", false},
};

static void fill(struct db_conn *c)
{
    static const char tickets[] =
        "WITH RECURSIVE s (n) AS (SELECT CAST($2 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < $3) INSERT INTO "
        "tickets "
        "(number, "
        "resolved, platform_id, user_id, token_hash, token_sealed, time_create, time_update) SELECT 1000000 + n * 7, "
        "CASE WHEN n % 50 = 0 THEN 0 ELSE 1 END, 1 + n % 5, 1 + n % 20, 'hash' || n, $1, 1704067200000000 + n * "
        "500000000, 0 FROM s";
    must_run(c, "INSERT INTO platforms (name, pretty_name) VALUES ('p1', ''), ('p2', ''), ('p3', ''), ('p4', ''), "
                "('p5', '')");
    must_run(c, "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20) INSERT INTO users "
                "(username, password, time_create) SELECT 'u' || n, '', 0 FROM s");
    for (int64_t n = 0; n < TICKETS; n += PORTION) { /* each within the statement time-out, on however busy a machine */
        const struct db_value values[] = {{.kind = DB_BLOB, .bytes = "sealed", .len = 6},
                                          {.kind = DB_INT, .integer = n + 1},
                                          {.kind = DB_INT, .integer = n + PORTION}};
        assert_int_equal(db_exec_values(c, tickets, values, 3), PORTION);
    }
    must_run(c,
             "INSERT INTO archives (ticket_id, upload_id, name, size, sha256, time_create) SELECT id, 'upload' || id, "
             "'logs.tar.gz', 1, '', time_create + 1 FROM tickets");
    fixture_settle(c);
}

enum kind { IDS, IDS_OF_FEW, PAGE, COUNT };

/* The plan of finding a page's rows, of the page, or of the count. */
static void plan_of(struct db_conn *c, const struct resource *r, const char *text, enum kind kind, char plan[PLAN_SIZE])
{
    const struct admin_config config = {.page_limit = 1000};
    const struct admin admin = {.config = &config};
    struct exchange x = {.admin = &admin};
    struct list_query q;
    struct filtered how;
    struct sql *where = sql_new(), *s = sql_new();
    json_t *errors = json_object();
    const char *why = "";
    char query[256];
    snprintf(query, sizeof(query), "limit=50&%s", text);
    assert_int_equal(query_parse((struct span){query, strlen(query)}, &x.query, &why), 0);
    assert_int_equal(filter_where(&x, r, c, where, &how, errors), 0);
    assert_int_equal(filter_list(&x, r, &q, errors), 0);
    assert_int_equal(json_object_size(errors), 0);
    if (kind == COUNT)
        list_sql_count(r, where, &how, s);
    else if (kind == PAGE)
        (void)list_sql_page(r, where, &how, &q, "", (int)q.limit, s);
    else {
        sql_bind_first(s, where);
        how.is_few |= kind == IDS_OF_FEW;
        list_sql_ids(r, where, &how, &q, (int)q.limit, s);
    }
    assert_false(s->full);
    fixture_plan(c, s->text, s->values, s->count, plan, PLAN_SIZE);
    json_decref(errors);
    query_free(x.query);
    sql_free(how.count);
    sql_free(where);
    sql_free(s);
}

static void assert_search(struct db_conn *c, const struct resource *r, const char *query, bool is_taken)
{
    struct exchange x = {.admin = NULL};
    struct filtered how;
    struct sql *where = sql_new();
    json_t *errors = json_object();
    const char *why = "";
    assert_int_equal(query_parse((struct span){query, strlen(query)}, &x.query, &why), 0);
    assert_int_equal(filter_where(&x, r, c, where, &how, errors), 0);
    if ((json_object_size(errors) == 0) != is_taken)
        fail_msg("%s is %s", query, is_taken ? "refused" : "taken");
    json_decref(errors);
    query_free(x.query);
    sql_free(how.count);
    sql_free(where);
}

/* It comes behind all other filters, those by pieces of the number too. */
static void search_of_notes_has_a_bound(struct db_conn *c, size_t d)
{
    char plan[PLAN_SIZE];
    assert_search(c, &tickets_resource, "note=x", true);
    must_run(c, "INSERT INTO tickets (number, resolved, platform_id, user_id, token_hash, token_sealed, time_create, "
                "time_update) SELECT -1, 0, platform_id, user_id, '-1', token_sealed, 0, 0 FROM tickets WHERE id = 1");
    assert_search(c, &tickets_resource, "note=x", false);
    assert_search(c, &tickets_resource, "note=x&resolved=false", true);
    assert_search(c, &tickets_resource, "note=x&search=0007", true);
    plan_of(c, &tickets_resource, "note=x&user=u7", COUNT, plan);
    assert_non_null(strstr(plan, d == 0 ? "tickets_user (user_id=?)" : "tickets_user"));
    plan_of(c, &tickets_resource, "note=x&search=0007", COUNT, plan);
    assert_non_null(strstr(plan, d == 0 ? "SEARCH t USING INTEGER PRIMARY KEY (rowid=?)" : "Index Cond: ((suffix >= "));
}

static void pages_come_by_an_index(void **state)
{
    struct db *db = open_shipped();
    struct db_conn *c = borrow(db);
    size_t d = strcmp(fixture_dialect, words[0].dialect) == 0 ? 0 : 1;
    char plan[PLAN_SIZE];
    (void)state;
    fill(c);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        const char *wanted = d == 0 ? cases[i].sqlite : cases[i].postgres;
        plan_of(c, cases[i].resource, cases[i].query, cases[i].is_few ? IDS_OF_FEW : IDS, plan);
        if (strstr(plan, words[d].whole[0]) != NULL || strstr(plan, words[d].whole[1]) != NULL)
            fail_msg("%s %s reads the whole table:\n%s", cases[i].resource->table, cases[i].query, plan);
        if (!cases[i].is_few && strstr(plan, words[d].sorted) != NULL)
            fail_msg("%s %s sorts:\n%s", cases[i].resource->table, cases[i].query, plan);
        if (wanted != NULL && strstr(plan, wanted) == NULL)
            fail_msg("%s %s without %s:\n%s", cases[i].resource->table, cases[i].query, wanted, plan);
        plan_of(c, cases[i].resource, cases[i].query, PAGE, plan);
        if (strstr(plan, words[d].whole[0]) != NULL || strstr(plan, words[d].whole[1]) != NULL)
            fail_msg("the page of %s %s reads the whole table:\n%s", cases[i].resource->table, cases[i].query, plan);
    }
    plan_of(c, &tickets_resource, "resolved=false", COUNT, plan);
    assert_non_null(
        strstr(plan, d == 0 ? "COVERING INDEX tickets_resolved" : "Index Only Scan using tickets_resolved"));
    plan_of(c, &tickets_resource, "user=u7", COUNT, plan);
    assert_non_null(strstr(plan, d == 0 ? "COVERING INDEX tickets_user" : "Index Only Scan using tickets_user"));
    plan_of(c, &tickets_resource, "user=u7&resolved=false", COUNT, plan);
    assert_non_null(strstr(plan, d == 0 ? "COVERING INDEX tickets_user" : "Index Only Scan using tickets_user"));
    plan_of(c, &tickets_resource, "search=0007", COUNT, plan);
    assert_non_null(strstr(plan, d == 0 ? "(suffix>? AND suffix<?)" : "Index Only Scan using ticket_suffixes"));
    assert_null(strstr(plan, d == 0 ? " t " : "tickets"));
    plan_of(c, &tickets_resource, "search=07", COUNT, plan);
    assert_non_null(strstr(plan, d == 0 ? "ticket_pieces USING PRIMARY KEY (piece=?)" : "ticket_pieces"));
    assert_null(strstr(plan, "ticket_suffixes"));
    plan_of(c, &tickets_resource, "search=0007&resolved=true", COUNT, plan);
    assert_non_null(strstr(plan, d == 0 ? "SEARCH t USING INTEGER PRIMARY KEY (rowid=?)" : "Index Cond: ((suffix >= "));
    plan_of(c, &archives_resource, "time_create__gte=2024-01-02&time_create__lte=2024-01-03", COUNT, plan);
    assert_non_null(
        strstr(plan, d == 0 ? "COVERING INDEX archives_created" : "Index Only Scan using archives_created"));
    assert_null(strstr(plan, "tickets"));
    search_of_notes_has_a_bound(c, d);
    db_release(c);
    db_close(db);
}

/* No index helps a search of the audit log, so it looks through what the other filters leave, if that is not too much.
 */
static void search_without_an_index_has_a_bound(void **state)
{
    struct db *db = open_shipped();
    struct db_conn *c = borrow(db);
    size_t d = strcmp(fixture_dialect, words[0].dialect) == 0 ? 0 : 1;
    char plan[PLAN_SIZE];
    (void)state;
    for (int portion = 0; portion <= 20; ++portion)
        must_run(
            c,
            "INSERT INTO audit (time_create, actor, action, object, address, outcome) WITH RECURSIVE s (n) AS (SELECT "
            "CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < 5000) SELECT 1704067200000000 + n * 1000000, "
            "'u' || n % 100, "
            "'login', n, '::1', 'ok' FROM s");
    must_run(c, d == 0 ? "SELECT 1" : "ANALYZE audit");
    assert_search(c, resource_audit(), "search=login", false);
    assert_search(c, resource_audit(), "search=login&actor=u7", true);
    assert_search(c, resource_audit(), "search=login&time_create__lte=2024-01-01T00:01:00Z", true);
    plan_of(c, resource_audit(), "search=login&time_create__lte=2024-01-01T00:01:00Z", COUNT, plan);
    assert_non_null(strstr(plan, d == 0 ? "audit_created (time_create<?)" : "audit_created"));
    plan_of(c, resource_audit(), "search=login&actor=u7", COUNT, plan);
    assert_non_null(strstr(plan, d == 0 ? "audit_actor (actor=?)" : "audit_actor"));
    db_release(c);
    db_close(db);
}

const struct CMUnitTest plan_tests[] = {cmocka_unit_test(pages_come_by_an_index),
                                        cmocka_unit_test(search_without_an_index_has_a_bound)};
const size_t plan_test_count = sizeof(plan_tests) / sizeof(plan_tests[0]);
