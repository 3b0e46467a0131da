/*
 * The prepared statements of one connection, by their text and the letters of their values. A flat array: comparing 128
 * hashes costs less than the shortest statement.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/db/core.h"

/* FNV-1a over both strings with their ends. */
static uint64_t hash_of(const char *sql, const char *letters)
{
    const char *const parts[] = {sql, letters};
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < 2; ++i) {
        const unsigned char *p = (const unsigned char *)parts[i];
        do {
            hash = (hash ^ *p) * UINT64_C(1099511628211);
        } while (*p++ != '\0');
    }
    return hash;
}

struct db_prepared *cache_find(struct db_conn *c, const char *sql, const char *letters)
{
    uint64_t hash = hash_of(sql, letters);
    for (size_t i = 0; i < CACHE_SIZE; ++i) {
        struct cached *e = &c->cache[i];
        if (e->prepared != NULL && e->hash == hash && strcmp(e->sql, sql) == 0 && strcmp(e->letters, letters) == 0) {
            e->used = ++c->clock;
            return e->prepared;
        }
    }
    return NULL;
}

static void clear(struct db_conn *c, struct cached *e)
{
    if (e->prepared != NULL)
        c->db->driver->drop(c->link, e->prepared);
    free(e->sql);
    free(e->letters);
    *e = (struct cached){0};
}

int cache_add(struct db_conn *c, const char *sql, const char *letters, struct db_prepared *prepared)
{
    struct cached *place = &c->cache[0];
    for (size_t i = 0; i < CACHE_SIZE && place->prepared != NULL; ++i) {
        if (c->cache[i].prepared == NULL || c->cache[i].used < place->used)
            place = &c->cache[i];
    }
    clear(c, place);
    place->sql = strdup(sql);
    place->letters = strdup(letters);
    if (place->sql == NULL || place->letters == NULL) {
        clear(c, place);
        return -ENOMEM;
    }
    place->prepared = prepared;
    place->hash = hash_of(sql, letters);
    place->used = ++c->clock;
    return 0;
}

void cache_clear(struct db_conn *c)
{
    for (size_t i = 0; i < CACHE_SIZE; ++i)
        clear(c, &c->cache[i]);
}
