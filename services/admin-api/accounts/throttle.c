/*
 * Failed logins counted, in Redis or here, by the same rule (shared/redis/scripts/throttle_take.lua). It answers
 * nothing and knows no passwords.
 */
#include "services/admin-api/accounts/throttle.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/security/opaque.h"
#include "shared/clock/clock.h"
#include "shared/log/log.h"
#include "shared/net/address.h"
#include "shared/redis/client.h"
#include "shared/redis/reply.h"

#define PAUSE_MS  5000 /* Redis is not asked again so soon after it failed: every login would wait for its time-out */
#define MEMORY_MS (4 * THROTTLE_LONGEST_MS)
#define NEWS_MS   60000
#define BUCKETS   512
#define WAYS      8

struct slot { /* one count */
    uint64_t key;
    int64_t last_ms;
    uint32_t failed; /* 0: free */
};

enum table { TABLE_ACCOUNTS, TABLE_NETWORKS, TABLE_NEWS, TABLES };

struct throttle {
    unsigned free_failures;
    pthread_mutex_t lock;
    struct redis_client *redis;
    int64_t redis_failed_ms;
    unsigned char hash_key[crypto_shorthash_KEYBYTES]; /* nobody can aim at a bucket */
    struct slot slots[TABLES][BUCKETS][WAYS];
};

struct throttle *throttle_new(const struct redis_target *redis, unsigned timeout_ms, unsigned free_failures)
{
    struct throttle *t = sodium_init() < 0 ? NULL : calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->free_failures = free_failures;
    t->redis_failed_ms = clock_steady_ms() - PAUSE_MS;
    pthread_mutex_init(&t->lock, NULL);
    crypto_shorthash_keygen(t->hash_key);
    t->redis = redis == NULL ? NULL : redis_client_new(redis, timeout_ms);
    if (redis != NULL && t->redis == NULL) {
        throttle_free(t);
        return NULL;
    }
    return t;
}

void throttle_free(struct throttle *t)
{
    if (t == NULL)
        return;
    redis_client_free(t->redis);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* --- names of what is counted --- */

struct names {
    char account[OPAQUE_HASH_SIZE]; /* its hash: names are of any form and length */
    char network[ADDRESS_NET_SIZE];
};

static void name(const struct throttle_try *try, struct names *out)
{
    opaque_hash(try->account, strlen(try->account), out->account);
    address_net_of(try->address, out->network);
}

/* --- here --- */

static struct slot *find_slot(struct throttle *t, enum table table, const char *text, int64_t now)
{
    uint64_t key;
    unsigned char hash[crypto_shorthash_BYTES];

    crypto_shorthash(hash, (const unsigned char *)text, strlen(text), t->hash_key);
    memcpy(&key, hash, sizeof(key));
    struct slot *bucket = t->slots[table][key % BUCKETS], *oldest = bucket;
    for (size_t i = 0; i < WAYS; ++i) {
        if (bucket[i].key == key && bucket[i].failed > 0 && now - bucket[i].last_ms < MEMORY_MS)
            return bucket + i;
        if (bucket[i].failed == 0 || (oldest->failed > 0 && bucket[i].last_ms < oldest->last_ms))
            oldest = bucket + i;
    }
    *oldest = (struct slot){.key = key};
    return oldest;
}

static void find_slots(struct throttle *t, const struct names *n, int64_t now, struct slot *out[2])
{
    char both[OPAQUE_HASH_SIZE + ADDRESS_NET_SIZE];

    snprintf(both, sizeof(both), "%s@%s", n->account, n->network);
    out[0] = find_slot(t, TABLE_ACCOUNTS, both, now);
    out[1] = find_slot(t, TABLE_NETWORKS, n->network, now);
}

static int64_t delay_of(uint32_t failed, unsigned free_failures)
{
    int64_t delay = failed < free_failures ? 0 : 1000;

    for (uint32_t over = free_failures; over < failed && delay < THROTTLE_LONGEST_MS; ++over)
        delay *= 2;
    return delay < THROTTLE_LONGEST_MS ? delay : THROTTLE_LONGEST_MS;
}

static int64_t take_here(struct throttle *t, const struct names *n)
{
    int64_t now = clock_steady_ms(), wait = 0;
    struct slot *slots[2];
    unsigned free_failures[2] = {t->free_failures, t->free_failures * THROTTLE_NETWORK_TIMES};

    find_slots(t, n, now, slots);
    for (size_t i = 0; i < 2; ++i) {
        int64_t left = slots[i]->last_ms + delay_of(slots[i]->failed, free_failures[i]) - now;
        wait = left > wait ? left : wait;
    }
    for (size_t i = 0; i < 2 && wait == 0; ++i) {
        ++slots[i]->failed;
        slots[i]->last_ms = now;
    }
    return wait;
}

static void give_here(struct throttle *t, const struct names *n, bool succeeded)
{
    struct slot *slots[2];

    find_slots(t, n, clock_steady_ms(), slots);
    slots[0]->failed = succeeded || slots[0]->failed == 0 ? 0 : slots[0]->failed - 1;
    slots[1]->failed -= slots[1]->failed > 0;
}

bool throttle_is_news(struct throttle *t, const char *what, const char *address)
{
    char text[96 + ADDRESS_NET_SIZE], network[ADDRESS_NET_SIZE];
    int64_t now = clock_steady_ms();

    address_net_of(address, network);
    snprintf(text, sizeof(text), "%.90s@%s", what, network);
    pthread_mutex_lock(&t->lock);
    struct slot *slot = find_slot(t, TABLE_NEWS, text, now);
    bool is_news = slot->failed == 0 || now - slot->last_ms >= NEWS_MS;
    if (is_news)
        *slot = (struct slot){.key = slot->key, .failed = 1, .last_ms = now};
    pthread_mutex_unlock(&t->lock);
    return is_news;
}

/* --- in Redis --- */

/* The script's number, or negative: Redis is away. */
static int64_t ask_redis(struct throttle *t, enum redis_script script, int argc, const char **argv)
{
    int err = 0;

    if (t->redis == NULL || clock_steady_ms() - t->redis_failed_ms < PAUSE_MS)
        return -1;
    redisReply *reply = redis_client_script(t->redis, script, argc, argv, &err);
    if (reply != NULL)
        err = redis_reply_error(reply);
    int64_t number = reply == NULL || err < 0 ? -1 : redis_reply_int(reply);
    freeReplyObject(reply);
    if (number >= 0)
        return number;
    t->redis_failed_ms = clock_steady_ms();
    ADMIN_COUNT(THROTTLE_FALLBACKS);
    log_warn("throttle.redis_away", LOG_E(err),
             LOG_S("why", redis_reply_is_refusal(err) ? redis_client_advice(err) : NULL),
             LOG_S("doing", "failed logins are counted in this process"));
    return -1;
}

int64_t throttle_take(struct throttle *t, const struct throttle_try *try)
{
    struct names n;
    char account[16], network[16], longest[24];

    name(try, &n);
    snprintf(account, sizeof(account), "%u", t->free_failures);
    snprintf(network, sizeof(network), "%u", t->free_failures * THROTTLE_NETWORK_TIMES);
    snprintf(longest, sizeof(longest), "%lld", (long long)THROTTLE_LONGEST_MS);
    const char *argv[] = {n.account, n.network, account, network, longest};
    pthread_mutex_lock(&t->lock);
    int64_t wait = ask_redis(t, REDIS_SCRIPT_throttle_take, 5, argv);
    if (wait < 0)
        wait = take_here(t, &n);
    pthread_mutex_unlock(&t->lock);
    return wait;
}

void throttle_give(struct throttle *t, const struct throttle_try *try, bool succeeded)
{
    struct names n;

    name(try, &n);
    const char *argv[] = {n.account, n.network, succeeded ? "1" : "0"};
    pthread_mutex_lock(&t->lock);
    if (ask_redis(t, REDIS_SCRIPT_throttle_give, 3, argv) < 0)
        give_here(t, &n, succeeded);
    pthread_mutex_unlock(&t->lock);
}
