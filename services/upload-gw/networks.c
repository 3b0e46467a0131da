/* A table of networks with something open; the others are not in it. See networks.h. */
#include "services/upload-gw/networks.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/net/address.h"

#define BUCKETS 1024

struct network {
    struct network *next, **link;
    unsigned open[NETWORK_USES];
    char name[ADDRESS_NET_SIZE];
};

struct networks {
    pthread_mutex_t lock;
    struct network *buckets[BUCKETS];
};

struct networks *networks_new(void)
{
    struct networks *all = calloc(1, sizeof(*all));
    if (all != NULL)
        pthread_mutex_init(&all->lock, NULL);
    return all;
}

static struct network **bucket_of(struct networks *all, const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name != '\0'; ++name)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return &all->buckets[hash % BUCKETS];
}

static struct network *find_or_add(struct networks *all, const char *name)
{
    struct network **bucket = bucket_of(all, name), *n = *bucket;
    while (n != NULL && strcmp(n->name, name) != 0)
        n = n->next;
    if (n != NULL || (n = calloc(1, sizeof(*n))) == NULL)
        return n;
    memcpy(n->name, name, strlen(name) + 1);
    n->next = *bucket;
    n->link = bucket;
    if (n->next != NULL)
        n->next->link = &n->next;
    *bucket = n;
    return n;
}

static void drop_unused(struct network *n)
{
    for (int i = 0; i < NETWORK_USES; ++i)
        if (n->open[i] > 0)
            return;
    *n->link = n->next;
    if (n->next != NULL)
        n->next->link = n->link;
    free(n);
}

struct network *networks_enter(struct networks *all, const char *address, enum network_use use, unsigned most,
                               unsigned *now)
{
    char name[ADDRESS_NET_SIZE];
    address_net_of(address, name);
    pthread_mutex_lock(&all->lock);
    struct network *n = find_or_add(all, name);
    if (n != NULL && n->open[use] >= most) {
        drop_unused(n);
        n = NULL;
    }
    if (n != NULL)
        *now = ++n->open[use];
    pthread_mutex_unlock(&all->lock);
    return n;
}

void networks_leave(struct networks *all, struct network *n, enum network_use use)
{
    if (n == NULL)
        return;
    pthread_mutex_lock(&all->lock);
    --n->open[use];
    drop_unused(n);
    pthread_mutex_unlock(&all->lock);
}
