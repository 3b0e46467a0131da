/*
 * Retention: archives whose time is over are deleted as if somebody had asked for it: `doomed`, audit log and row in
 * one transaction; the sweep that follows removes the files. What is due is asked of the database alone, again inside
 * the transaction: two services on one database never delete anything twice, nor what was prolonged meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/security/audit.h"
#include "services/admin-api/storage/internal.h"
#include "services/admin-api/storage/statements.h"
#include "services/admin-api/webhooks/outbox.h"
#include "shared/clock/clock.h"
#include "shared/log/log.h"

#define PAGE       100 /* archives of one transaction */
#define RULES      200 /* platforms of one reading */
#define NAME_BYTES 128

static const char rule_all[] = "RETENTION_ALL", rule_resolved[] = "RETENTION_RESOLVED";

struct rule { /* of one platform: what arrived, or was resolved, by then is due */
    int64_t platform_id, all_us, resolved_us;
    char platform[NAME_BYTES];
};

struct page {
    const struct rule *rule;
    int64_t after; /* in: archives behind this id */
    size_t count;
    struct expiring rows[PAGE];
    int64_t bytes;
};

/* The moment by which it must have been there to be due now; INT64_MIN: nothing ever is. */
static int64_t limit_us(const struct db_rows *row, int column, int64_t configured_ms)
{
    int64_t kept_ms = db_is_null(row, column) ? configured_ms : db_int(row, column) * 1000;
    return kept_ms == 0 ? INT64_MIN : clock_now_us() - kept_ms * 1000;
}

static int read_rules(struct storage *s, struct db_conn *c, int64_t after, struct rule rules[RULES], size_t *count)
{
    struct db_rows *rows;
    int more, err = db_query(c, &rows, storage_statement(RETENTION_RULES), after);
    *count = 0;
    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1 && *count < RULES) {
        struct rule *rule = rules + (*count)++;
        rule->platform_id = db_int(rows, 0);
        snprintf(rule->platform, sizeof(rule->platform), "%s", db_text(rows, 1));
        rule->all_us = limit_us(rows, 2, s->options.retention_all_ms);
        rule->resolved_us = limit_us(rows, 3, s->options.retention_resolved_ms);
    }
    db_rows_free(rows);
    return more < 0 ? more : 0;
}

static void read_expiring(const struct db_rows *row, const struct rule *rule, struct expiring *e)
{
    *e = (struct expiring){.id = db_int(row, 0),
                           .size = db_int(row, 1),
                           .ticket_id = db_int(row, 4),
                           .number = db_int(row, 5),
                           .platform = rule->platform,
                           .rule = db_int(row, 6) == 1 ? rule_all : rule_resolved};
    snprintf(e->upload_id, sizeof(e->upload_id), "%s", db_text(row, 2));
    snprintf(e->name, sizeof(e->name), "%s", db_text(row, 3));
}

static int read_page(struct db_conn *c, struct page *p)
{
    struct db_rows *rows;
    const struct rule *rule = p->rule;
    int more, err = db_query(c, &rows, storage_statement(RETENTION_DUE), rule->platform_id, rule->all_us,
                             rule->resolved_us, p->after);
    p->count = 0;
    p->bytes = 0;
    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1 && p->count < PAGE) {
        read_expiring(rows, rule, p->rows + p->count);
        p->bytes += p->rows[p->count++].size;
    }
    db_rows_free(rows);
    return more < 0 ? more : 0;
}

/* Calls `take` for each page of what is due until there is none; a page that was deleted does not come again. */
static int each_page(struct storage *s, struct db_conn *c, int (*take)(struct db_conn *c, struct page *p, void *arg),
                     void *arg)
{
    struct rule rules[RULES];
    struct page p;
    size_t count;
    int64_t last = 0;
    int err;
    do {
        err = read_rules(s, c, last, rules, &count);
        for (size_t i = 0; i < count && err == 0; ++i) {
            p = (struct page){.rule = rules + i};
            bool off = rules[i].all_us == INT64_MIN && rules[i].resolved_us == INT64_MIN;
            do {
                p.count = 0;
                err = off ? 0 : take(c, &p, arg);
                p.after = p.count > 0 ? p.rows[p.count - 1].id : p.after;
            } while (err == 0 && p.count == PAGE);
            last = rules[i].platform_id;
        }
    } while (err == 0 && count == RULES);
    return err;
}

/* --- looking --- */

struct look {
    int (*each)(void *arg, const struct expiring *e);
    void *arg;
};

static int show_page(struct db_conn *c, struct page *p, void *arg)
{
    const struct look *look = arg;
    int err = read_page(c, p);
    for (size_t i = 0; i < p->count && err >= 0; ++i)
        err = look->each(look->arg, p->rows + i);
    return err < 0 ? err : 0;
}

int retention_each(struct storage *s, struct db_conn *c, int (*each)(void *arg, const struct expiring *e), void *arg)
{
    struct look look = {.each = each, .arg = arg};
    return each_page(s, c, show_page, &look);
}

/* --- deleting --- */

static int note(struct db_conn *c, const char *action, const char *object)
{
    const struct audit_event event = {.actor = "system", .action = action, .object = object, .outcome = AUDIT_OK};
    return audit_write(c, &event, clock_now_us());
}

static int delete_one(struct db_conn *c, const struct expiring *e)
{
    char object[FILENAME_SIZE + 24];
    int err = webhook_queue_archive(c, WEBHOOK_ARCHIVE_EXPIRED, e->upload_id, clock_now_us());
    if (err == 0)
        err = storage_doom_archive(c, e->id, clock_now_us());
    int64_t gone = err < 0 ? err : db_exec(c, storage_statement(ARCHIVE_DELETE), e->id);
    if (gone < 0)
        return (int)gone;
    snprintf(object, sizeof(object), "%lld/%s", (long long)e->number, e->name);
    return note(c, "archive.expire", object);
}

static int delete_page(struct db_conn *c, void *arg)
{
    struct page *p = arg;
    char object[NAME_BYTES + 96];
    int err = read_page(c, p);
    for (size_t i = 0; i < p->count && err == 0; ++i)
        err = delete_one(c, p->rows + i);
    if (err < 0 || p->count == 0)
        return err;
    snprintf(object, sizeof(object), "%s: %zu archives, %lld bytes", p->rule->platform, p->count, (long long)p->bytes);
    return note(c, "retention.expire", object);
}

static void count_page(const struct page *p)
{
    for (size_t i = 0; i < p->count; ++i) {
        const struct expiring *e = p->rows + i;
        metric_add(&admin_metrics[e->rule == rule_all ? ADMIN_METRIC_EXPIRED_ALL : ADMIN_METRIC_EXPIRED_RESOLVED], 1);
        log_info("retention.expired", LOG_S("upload_id", e->upload_id), LOG_I("ticket", e->number),
                 LOG_I("size", e->size), LOG_S("rule", e->rule));
    }
    metric_add(&admin_metrics[ADMIN_METRIC_EXPIRED_BYTES], p->bytes);
}

static bool is_first_of_its_ticket(const struct page *p, size_t i)
{
    size_t k = 0;
    while (k < i && p->rows[k].ticket_id != p->rows[i].ticket_id)
        ++k;
    return k == i;
}

/* All of a ticket at once: half of them, and the ticket would count as told. */
static void free_names(struct db_conn *c, struct redis_client *r, const struct page *p)
{
    static const struct projection_extra all_names = {.names_too = true};
    int err = 0;
    for (size_t i = 0; i < p->count && err >= 0; ++i)
        if (is_first_of_its_ticket(p, i))
            err = projection_ticket(c, r, p->rows[i].ticket_id, &all_names);
    if (err < 0)
        log_debug("retention.names_later", LOG_E(err)); /* the sweep of what changed, once Redis can be reached */
}

static int expire_page(struct db_conn *c, struct page *p, void *arg)
{
    struct redis_client *r = arg;
    int err = db_transaction(c, delete_page, p);
    if (err < 0) {
        p->count = 0;
        return err;
    }
    count_page(p);
    free_names(c, r, p);
    return 0;
}

int retention_sweep(struct storage *s, struct db_conn *c, struct redis_client *r, struct sweep_outcome *out)
{
    *out = (struct sweep_outcome){.error = each_page(s, c, expire_page, r)};
    if (out->error < 0)
        snprintf(out->why, sizeof(out->why), "%.255s", db_error(c));
    return out->error;
}
