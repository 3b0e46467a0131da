/* A table by upload id; see reservations.h. */
#include "services/upload-gw/reservations.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "shared/spool/spool.h"

#define BUCKETS 256

struct reservation {
    LIST_ENTRY(reservation) link;
    char id[SPOOL_ID_SIZE];
    int64_t bytes;
    unsigned scan; /* in which it was set or seen last */
};

LIST_HEAD(bucket, reservation);

struct reservations {
    pthread_mutex_t lock;
    _Atomic int64_t *sum;
    struct reservations_total total;
    unsigned scan;
    struct bucket buckets[BUCKETS];
};

struct reservations *reservations_new(_Atomic int64_t *sum)
{
    struct reservations *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return NULL;
    pthread_mutex_init(&r->lock, NULL);
    r->sum = sum;
    return r;
}

static struct bucket *bucket_of(struct reservations *r, const char *id)
{
    const unsigned char *c = (const unsigned char *)id; /* random hex digits */
    return &r->buckets[(c[0] * 16u + c[1]) % BUCKETS];
}

static struct reservation *find(struct reservations *r, const char *id)
{
    struct reservation *one;
    LIST_FOREACH(one, bucket_of(r, id), link)
    if (strcmp(one->id, id) == 0)
        return one;
    return NULL;
}

static void count(struct reservations *r, int64_t bytes)
{
    r->total.bytes += bytes;
    atomic_fetch_add(r->sum, bytes);
}

static void drop(struct reservations *r, struct reservation *one)
{
    count(r, -one->bytes);
    LIST_REMOVE(one, link);
    free(one);
}

static void put(struct reservations *r, const char *id, int64_t bytes, bool seen)
{
    struct reservation *one = find(r, id);
    if (one == NULL && bytes > 0 && (one = calloc(1, sizeof(*one))) != NULL) {
        memcpy(one->id, id, strlen(id) + 1);
        one->scan = r->scan - 1;
        r->total.made += !seen;
        LIST_INSERT_HEAD(bucket_of(r, id), one, link);
    }
    if (one == NULL || (seen && one->scan == r->scan))
        return;
    count(r, bytes - one->bytes);
    one->bytes = bytes;
    one->scan = r->scan;
    if (bytes == 0)
        drop(r, one);
}

int64_t reservations_of(struct reservations *r, const char *upload_id)
{
    pthread_mutex_lock(&r->lock);
    const struct reservation *one = find(r, upload_id);
    int64_t bytes = one == NULL ? 0 : one->bytes;
    pthread_mutex_unlock(&r->lock);
    return bytes;
}

struct reservations_total reservations_total(struct reservations *r)
{
    pthread_mutex_lock(&r->lock);
    struct reservations_total total = r->total;
    pthread_mutex_unlock(&r->lock);
    return total;
}

void reservations_set(struct reservations *r, const char *upload_id, int64_t bytes)
{
    pthread_mutex_lock(&r->lock);
    put(r, upload_id, bytes, false);
    pthread_mutex_unlock(&r->lock);
}

void reservations_seen(struct reservations *r, const char *upload_id, int64_t bytes)
{
    pthread_mutex_lock(&r->lock);
    put(r, upload_id, bytes, true);
    pthread_mutex_unlock(&r->lock);
}

void reservations_scan_begin(struct reservations *r)
{
    pthread_mutex_lock(&r->lock);
    ++r->scan;
    pthread_mutex_unlock(&r->lock);
}

void reservations_scan_end(struct reservations *r)
{
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < BUCKETS; ++i)
        for (struct reservation *one = LIST_FIRST(&r->buckets[i]), *after; one != NULL; one = after) {
            after = LIST_NEXT(one, link);
            if (one->scan != r->scan)
                drop(r, one);
        }
    pthread_mutex_unlock(&r->lock);
}
