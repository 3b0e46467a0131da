/* Questions about tokens; see question.h. */
#include "services/upload-gw/question.h"

#include <stdlib.h>
#include <string.h>

#include "services/upload-gw/gateway.h"
#include "shared/net/address.h"

struct asker {
    STAILQ_ENTRY(asker) link;
    attempts_cb cb;
    void *arg;
};

STAILQ_HEAD(askers, asker);

struct question { /* about one token, from one network: failures are counted by network */
    LIST_ENTRY(question) link;
    struct lane *lane;
    char hash[ATTEMPTS_HASH_SIZE], network[ADDRESS_NET_SIZE];
    struct attempts_limits limits;
    struct askers asked, waiting; /* asked: served by the answer to come */
};

static const struct admission unavailable = {.status = ADMISSION_UNAVAILABLE};

static struct questions *bucket(struct lane *lane, const char *hash)
{
    unsigned first = 0;
    for (size_t i = 0; i < 2; ++i)
        first = first * 16 + (unsigned)(hash[i] <= '9' ? hash[i] - '0' : hash[i] - 'a' + 10);
    return &lane->questions[first % QUESTION_BUCKETS];
}

static struct question *find(struct lane *lane, const char *hash, const char *network)
{
    struct question *q;
    LIST_FOREACH(q, bucket(lane, hash), link)
    if (strcmp(q->hash, hash) == 0 && strcmp(q->network, network) == 0)
        return q;
    return NULL;
}

static void ask_redis(struct question *q);

static void on_answer(void *arg, const struct admission *a)
{
    struct question *q = arg;
    struct asker *asker;

    while ((asker = STAILQ_FIRST(&q->asked)) != NULL) {
        STAILQ_REMOVE_HEAD(&q->asked, link);
        asker->cb(asker->arg, a); /* may ask again: it then waits */
        free(asker);
    }
    if (!STAILQ_EMPTY(&q->waiting)) {
        ask_redis(q);
        return;
    }
    LIST_REMOVE(q, link);
    free(q);
}

static void ask_redis(struct question *q)
{
    STAILQ_CONCAT(&q->asked, &q->waiting);
    attempts_status_within(q->lane->link, q->hash, &q->limits, on_answer, q);
}

static struct question *question_new(struct lane *lane, const char *hash, const struct attempts_limits *limits)
{
    struct question *q = calloc(1, sizeof(*q));
    if (q == NULL)
        return NULL;
    q->lane = lane;
    memcpy(q->hash, hash, sizeof(q->hash));
    memcpy(q->network, limits->network, strlen(limits->network) + 1);
    q->limits = *limits;
    q->limits.network = q->network;
    STAILQ_INIT(&q->asked);
    STAILQ_INIT(&q->waiting);
    LIST_INSERT_HEAD(bucket(lane, hash), q, link);
    return q;
}

void question_ask(struct lane *lane, const char *token_hash, const struct attempts_limits *limits, attempts_cb cb,
                  void *arg)
{
    struct question *q = find(lane, token_hash, limits->network);
    struct asker *asker = calloc(1, sizeof(*asker));
    bool is_new = q == NULL;

    if (is_new && asker != NULL)
        q = question_new(lane, token_hash, limits);
    if (asker == NULL || q == NULL) {
        free(asker);
        cb(arg, &unavailable);
        return;
    }
    asker->cb = cb;
    asker->arg = arg;
    STAILQ_INSERT_TAIL(&q->waiting, asker, link);
    if (is_new)
        ask_redis(q);
}
