/*
 * Counting a big table takes long on either database, and lists are asked for again and again: a count is remembered
 * together with the moment it was true at, and served while the database is still at that moment. Never in a
 * transaction, which sees moments of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/db/core.h"

enum { KEY_MAX = 4096, MOMENT_SIZE = 256 }; /* longer keys (long IN lists) are counted each time */

struct remembered {
    char *key; /* NULL: a free place */
    size_t len;
    char moment[MOMENT_SIZE];
    int64_t number;
    uint64_t used;
};

struct counts {
    pthread_mutex_t lock;
    uint64_t clock;
    struct remembered places[COUNTS_SIZE];
};

struct counts *counts_new(void)
{
    struct counts *counts = calloc(1, sizeof(*counts));
    if (counts != NULL)
        pthread_mutex_init(&counts->lock, NULL);
    return counts;
}

void counts_free(struct counts *counts)
{
    if (counts == NULL)
        return;
    for (size_t i = 0; i < COUNTS_SIZE; ++i)
        free(counts->places[i].key);
    pthread_mutex_destroy(&counts->lock);
    free(counts);
}

struct key {
    size_t len; /* 0: it did not fit */
    char bytes[KEY_MAX];
};

static bool put(struct key *k, const void *bytes, size_t len)
{
    if (len > sizeof(k->bytes) - k->len)
        return false;
    memcpy(k->bytes + k->len, bytes, len);
    k->len += len;
    return true;
}

static void make_key(struct key *k, const char *sql, const struct db_value *values, size_t count)
{
    k->len = 0;
    bool fits = put(k, sql, strlen(sql) + 1);
    for (size_t i = 0; i < count && fits; ++i) {
        const struct db_value *v = &values[i];
        int64_t number = v->kind == DB_INT ? v->integer : (int64_t)v->len;
        fits = put(k, &v->kind, sizeof(v->kind)) && put(k, &number, sizeof(number)) &&
               (v->kind == DB_INT || v->len == 0 || put(k, v->bytes, v->len));
    }
    if (!fits)
        k->len = 0;
}

/* The place of this key, or else the free or least recently used one. */
static struct remembered *place_of(struct counts *counts, const struct key *k)
{
    struct remembered *place = counts->places;
    for (size_t i = 0; i < COUNTS_SIZE; ++i) {
        struct remembered *r = &counts->places[i];
        if (r->key != NULL && r->len == k->len && memcmp(r->key, k->bytes, k->len) == 0)
            return r;
        if (place->key != NULL && (r->key == NULL || r->used < place->used))
            place = r;
    }
    return place;
}

static bool recall(struct counts *counts, const struct key *k, const char *moment, int64_t *out)
{
    pthread_mutex_lock(&counts->lock);
    struct remembered *r = place_of(counts, k);
    bool known =
        r->key != NULL && r->len == k->len && memcmp(r->key, k->bytes, k->len) == 0 && strcmp(r->moment, moment) == 0;
    if (known) {
        *out = r->number;
        r->used = ++counts->clock;
    }
    pthread_mutex_unlock(&counts->lock);
    return known;
}

static void remember(struct counts *counts, const struct key *k, const char *moment, int64_t number)
{
    char *copy = malloc(k->len);
    if (copy == NULL)
        return;
    memcpy(copy, k->bytes, k->len);
    pthread_mutex_lock(&counts->lock);
    struct remembered *r = place_of(counts, k);
    free(r->key);
    *r = (struct remembered){.key = copy, .len = k->len, .number = number, .used = ++counts->clock};
    memcpy(r->moment, moment, strlen(moment) + 1);
    pthread_mutex_unlock(&counts->lock);
}

static int count_now(struct db_conn *c, const char *sql, const struct db_value *values, size_t count, int64_t *out)
{
    struct db_rows *r;
    int err = db_query_values(c, &r, sql, values, count);
    if (err < 0)
        return err;
    int more = db_step(r);
    *out = more == 1 ? db_int(r, 0) : 0;
    if (more == 1)
        more = db_step(r);
    db_rows_free(r);
    return more < 0 ? more : 0;
}

static int moment_of(struct db_conn *c, char moment[MOMENT_SIZE])
{
    int err = conn_check_ready(c);
    return err < 0 ? err : c->db->driver->moment(c->link, moment, MOMENT_SIZE);
}

int db_count_values(struct db_conn *c, const char *sql, const struct db_value *values, size_t count, int64_t *out)
{
    char before[MOMENT_SIZE], after[MOMENT_SIZE];
    struct key key;
    make_key(&key, sql, values, count);
    if (key.len == 0 || c->in_transaction)
        return count_now(c, sql, values, count, out);
    int err = moment_of(c, before);
    if (err < 0 || recall(c->db->counts, &key, before, out))
        return err;
    err = count_now(c, sql, values, count, out);
    if (err == 0)
        err = moment_of(c, after);
    /* Nothing changed meanwhile, so the count is of that moment. */
    if (err == 0 && before[0] != '\0' && strcmp(before, after) == 0)
        remember(c->db->counts, &key, before, *out);
    return err;
}
