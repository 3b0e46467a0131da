/*
 * Resources as descriptors: one row per field drives decoding, validation, reading, encoding (and the published
 * schema); five verbs serve every resource. What is not generic is a hook in the resource's own file.
 */
#ifndef LC_ADMIN_RESOURCES_RESOURCE_H
#define LC_ADMIN_RESOURCES_RESOURCE_H

#include "services/admin-api/http/exchange.h"
#include "shared/db/db.h"

#define RESOURCE_FIELDS 16

enum field_type {
    FIELD_INTEGER,
    FIELD_BOOLEAN,
    FIELD_TEXT,
    FIELD_TIME,
    FIELD_REFERENCE, /* another row by a value of its own: lookup gives the id */
    FIELD_FILE,      /* a part of a multipart body; taken by a hook */
    FIELD_GIVEN,     /* taken by `validate` from the body as it is */
    FIELD_MADE       /* shown by `show`, never taken */
};

enum field_rule {
    RULE_REQUIRED = 1,
    RULE_NULLABLE = 2, /* of a read-only field: it may be shown as null */
    RULE_BLANK = 4,    /* a text may be empty */
    RULE_UNIQUE = 8,
    RULE_SLUG = 16,      /* letters, digits, '-' and '_' */
    RULE_SORTABLE = 32,  /* ordering= may name it: never NULL, or `order` is not */
    RULE_CHECKBOX = 128, /* a boolean left out of a whole form is false: browsers send no unchecked box */
    RULE_SHOWN_SET = 64  /* left out of answers while it is NULL: clients older than the field never see it */
};

struct field {
    const char *name;
    enum field_type type;
    unsigned rules;
    const char *select; /* the SQL expression read; several for `show`; NULL: never shown */
    const char *order;  /* what stands for it in ORDER BY, without a NULL; NULL: select */
    int columns;        /* of select; 0 means 1 */
    const char *column; /* the table's column written; NULL: read-only */
    int64_t min, max;   /* INTEGER: bounds; TEXT: max characters */
    struct {
        const char *sql, *by; /* REFERENCE: "SELECT id FROM … WHERE … = " and how messages call the value */
        bool is_number;
    } lookup;
    json_t *(*show)(const struct exchange *x, const struct db_rows *row, int column); /* NULL: by type */
    const char *doc;
    const char *shape; /* of the published schema, a row of schema/shapes.def; NULL: by type */
};

enum filter_type {
    FILTER_NUMBER,
    FILTER_NUMBERS,  /* any of a comma-separated list */
    FILTER_CONTAINS, /* a number somewhere in the number's digits */
    FILTER_BOOLEAN,
    FILTER_TEXT,
    FILTER_TIME,
    FILTER_YEAR,
    FILTER_EXISTING, /* a number that `exists` must know */
    FILTER_SEARCH    /* every term somewhere in the expression's text */
};

enum filter_op { OP_EQ, OP_LT, OP_LE, OP_GT, OP_GE };

struct filter {
    const char *name;
    enum filter_type type;
    const char *expression; /* SQL; NULL: left out of it */
    enum filter_op op;
    const char *exists;  /* EXISTING: "SELECT 1 FROM … WHERE … = " */
    bool any_case;       /* SEARCH: of letters of any script */
    const char *related; /* TEXT: "SELECT id FROM … WHERE … = ", the id that the expression is compared with */
    /* CONTAINS, SEARCH of an integer: " FROM … WHERE suffix", an ordered table of all suffixes of all the numbers, kept
     * by the database: suffix, id (of the number's row), repeated (how many of the suffix's first characters also
     * stand together further left in the number). NULL: every row is looked at. */
    const char *suffixes;
    /* With suffixes: " FROM … WHERE piece = ", how many numbers have the short piece: the sum of `tickets`. */
    const char *pieces;
};

struct order { /* one key of ORDER BY */
    const char *expression;
    bool descending, is_text, is_joined; /* is_joined: of another table than the resource's own */
};

struct write;

struct resource {
    const char *label; /* in messages: "ticket with this number already exists." */
    const char *table, *from;
    const char *count_from; /* the table alone, with the alias of `id`; NULL: from */
    const char *id;         /* "t.id" */
    const char *key;        /* what the path names: "t.number" */
    bool key_is_number;
    bool takes_files;  /* exchange_file_body instead of exchange_body */
    bool tells_secret; /* to who creates it; no cache shall keep it */
    const struct field *fields;
    size_t field_count;
    const struct filter *filters;
    size_t filter_count;
    struct order order; /* the default, with the id as its tie-breaker */
    const char *touch;  /* constant part of every UPDATE's SET; NULL: none */
    const char *owner;  /* "s.user_id": there are only the caller's own; NULL: everybody's */

    /* Hooks; each may be NULL. */
    /* Before an answer about one object (id) or all (0): what must be up to date. */
    int (*before_read)(struct exchange *x, struct db_conn *c, int64_t id);
    /* Behind decoding: takes FIELD_GIVEN, adds to w->decode_errors. 0 or negative. */
    int (*validate)(struct write *w, struct db_conn *c);
    /* Before the transaction, with a body without errors: 1 go on, 0 answered, negative. */
    int (*before_transaction)(struct write *w, struct db_conn *c);
    /* In the transaction, before INSERT or UPDATE: adds columns with write_set, or field errors. */
    int (*before_write)(struct write *w, struct db_conn *c);
    /* In the transaction, behind it. */
    int (*after_write)(struct write *w, struct db_conn *c);
    /* After the commit; or after it failed, to undo what is outside the database. */
    void (*committed)(struct write *w, struct db_conn *c);
    void (*failed)(struct write *w, struct db_conn *c);
    /* In the transaction, before the DELETE. */
    int (*doom)(struct db_conn *c, int64_t id, int64_t now_us);
};

/* --- the verbs, as rows of routes.def name them --- */
int resource_list(struct exchange *x, const struct resource *r) __attribute__((warn_unused_result));
int resource_get(struct exchange *x, const struct resource *r) __attribute__((warn_unused_result));
int resource_create(struct exchange *x, const struct resource *r) __attribute__((warn_unused_result));
int resource_put(struct exchange *x, const struct resource *r) __attribute__((warn_unused_result));
int resource_patch(struct exchange *x, const struct resource *r) __attribute__((warn_unused_result));
int resource_delete(struct exchange *x, const struct resource *r) __attribute__((warn_unused_result));

/* If-Match against the representation that a GET would give now (RFC 9110 13.1.1), inside the transaction that changes
 * it. 1: go on, also without the header; 0: it was changed meanwhile, or is gone; negative. */
int resource_is_unchanged(const struct exchange *x, const struct resource *r, struct db_conn *c, int64_t id)
    __attribute__((warn_unused_result));

/* --- a write under way, for hooks --- */
struct input {
    bool given, valid;
    struct db_value value;
    char *owned; /* what value.bytes points to */
};

struct assignment {
    const char *column;
    struct db_value value;
};

#define WRITE_SETS 24

struct write {
    struct exchange *x;
    const struct resource *resource;
    bool partial;
    int64_t id; /* 0 before an INSERT */
    json_t *body;
    struct input inputs[RESOURCE_FIELDS]; /* by the field's row */
    json_t *decode_errors, *errors;       /* errors: of this attempt; {"field":["…"]} */
    struct assignment sets[WRITE_SETS];
    size_t set_count;
    json_t *result;
    enum { WRITE_DONE, WRITE_NOT_FOUND, WRITE_INVALID, WRITE_PRECONDITION } outcome;
    void *data; /* a hook's own; freed by committed or failed */
};

const struct input *write_input(const struct write *w, const char *field); /* never NULL for a row's name */
int write_set(struct write *w, const char *column, struct db_value value) __attribute__((warn_unused_result));
int write_set_int(struct write *w, const char *column, int64_t value) __attribute__((warn_unused_result));
int write_set_text(struct write *w, const char *column, const char *value) __attribute__((warn_unused_result));
const struct db_value *write_column(const struct write *w, const char *column); /* as it will be; NULL: not written */

#endif
