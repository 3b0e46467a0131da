/* Both dialects' migrations make the same schema; see schema_tests.h. */
#include "tests/unit/db/schema_tests.h"

#include <stdio.h>

#include "tests/unit/db/cluster.h"
#include "tests/unit/db/suite.h"

enum { LINES = 256, LINE_SIZE = 160 };

struct lines {
    char text[LINES][LINE_SIZE];
    size_t count;
};

static void read_lines(struct db_conn *c, const char *sql, struct lines *out)
{
    struct db_rows *r = NULL;
    int more;
    assert_int_equal(db_query_values(c, &r, sql, NULL, 0), 0);
    for (out->count = 0; (more = db_step(r)) == 1; ++out->count) {
        assert_true(out->count < LINES);
        snprintf(out->text[out->count], LINE_SIZE, "%s", db_text(r, 0));
    }
    assert_int_equal(more, 0);
    db_rows_free(r);
}

/* Each pair lists one aspect of a schema as lines, sorted. */
static const struct {
    const char *sqlite, *postgres;
} aspects[] = {
    /* columns: table.column type, NOT NULL, default */
    {"SELECT m.name || '.' || p.name || ' ' || CASE p.type WHEN 'INTEGER' THEN 'BIGINT' WHEN 'BLOB' THEN 'BYTEA' ELSE "
     "p.type END || CASE WHEN p.\"notnull\" = 1 OR p.pk > 0 THEN ' NOT NULL' ELSE '' END || coalesce(' ' || "
     "p.dflt_value, '') AS line FROM "
     "sqlite_schema m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY "
     "line",
     "SELECT table_name || '.' || column_name || ' ' || upper(data_type) || CASE is_nullable WHEN 'NO' THEN ' NOT "
     "NULL' "
     "ELSE '' END || coalesce(' ' || replace(column_default, '::text', ''), '') COLLATE \"C\" AS line FROM "
     "information_schema.columns WHERE table_schema = current_schema ORDER BY line"},
    /* indexes and constraints that are: table (columns) unique, partial; those that were named with their name; what
     * has INCLUDE is for PostgreSQL alone, as sqlite's rows lie by id */
    {"SELECT m.name || ' (' || (SELECT group_concat(i.name || CASE i.desc WHEN 1 THEN ' DESC' ELSE '' END) FROM "
     "pragma_index_xinfo(l.name) i WHERE i.key = 1) || ')' || CASE "
     "l.\"unique\" WHEN 1 THEN ' unique' ELSE '' END || CASE l.partial WHEN 1 THEN ' partial' ELSE '' END || CASE "
     "l.origin WHEN 'c' THEN ' ' || l.name ELSE '' END AS line "
     "FROM sqlite_schema m JOIN pragma_index_list(m.name) l WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND "
     "l.origin <> 'pk' ORDER BY line",
     "SELECT t.relname || ' (' || (SELECT string_agg(a.attname || CASE x.indoption[a.attnum - 1] & 1 WHEN 1 THEN ' "
     "DESC' ELSE '' END, ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = x.indexrelid) || ')' || CASE "
     "WHEN "
     "x.indisunique THEN ' unique' ELSE '' END || CASE WHEN x.indpred IS NOT NULL THEN ' partial' ELSE '' END || CASE "
     "WHEN k.oid IS NULL THEN ' ' || i.relname ELSE '' END COLLATE \"C\" AS line "
     "FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid LEFT JOIN "
     "pg_constraint k ON k.conindid = i.oid AND k.contype = 'u' "
     "WHERE NOT x.indisprimary AND x.indnatts = x.indnkeyatts AND t.relnamespace = current_schema::regnamespace ORDER "
     "BY line"},
    /* foreign keys: table.column → table, and what a deletion does */
    {"SELECT m.name || '.' || f.\"from\" || ' ' || f.\"table\" || ' ' || f.on_delete AS line FROM sqlite_schema m JOIN "
     "pragma_foreign_key_list(m.name) f WHERE m.type = 'table' ORDER BY line",
     "SELECT k.conrelid::regclass || '.' || a.attname || ' ' || k.confrelid::regclass || CASE k.confdeltype WHEN 'c' "
     "THEN ' CASCADE' WHEN 'n' THEN ' SET NULL' ELSE ' NO ACTION' END COLLATE \"C\" AS line FROM "
     "pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] WHERE k.contype = 'f' "
     "AND k.connamespace = current_schema::regnamespace ORDER BY line"},
};

static void compare_aspect(struct db_conn *sqlite, struct db_conn *postgres, size_t i)
{
    static struct lines of_sqlite, of_postgres;
    read_lines(sqlite, aspects[i].sqlite, &of_sqlite);
    read_lines(postgres, aspects[i].postgres, &of_postgres);
    assert_true(of_sqlite.count > 0);
    for (size_t n = 0; n < of_sqlite.count && n < of_postgres.count; ++n)
        assert_string_equal(of_sqlite.text[n], of_postgres.text[n]);
    assert_int_equal(of_sqlite.count, of_postgres.count);
}

void dialects_have_one_schema(void **state)
{
    char url[160];
    (void)state;
    snprintf(url, sizeof(url), "sqlite:///%s/schema.sqlite3", cluster_directory());
    struct db *sqlite = open_url(url, 1, TIMEOUT_MS), *postgres = open_shipped();
    migrate_shipped(sqlite);
    struct db_conn *s = borrow(sqlite), *p = borrow(postgres);
    for (size_t i = 0; i < sizeof(aspects) / sizeof(aspects[0]); ++i)
        compare_aspect(s, p, i);
    assert_int_equal(number_of(p, "SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema "
                                  "AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C' AND table_name <> "
                                  "'schema_migrations'"),
                     0);
    db_release(s);
    db_release(p);
    db_close(sqlite);
    db_close(postgres);
}
