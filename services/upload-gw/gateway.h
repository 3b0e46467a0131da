/*
 * The gateway's parts: one `gateway` per process, one `lane` per event loop. A lane and everything hanging on it belong
 * to its loop's thread; what a pool thread may touch says so where it is declared.
 */
#ifndef LC_GATEWAY_GATEWAY_H
#define LC_GATEWAY_GATEWAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "services/upload-gw/config.h"
#include "services/upload-gw/plain.h"
#include "services/upload-gw/pool.h"
#include "shared/http/head.h"
#include "shared/loop/loop.h"
#include "shared/redis/link.h"
#include "shared/spool/spool.h"

struct cidr_list;
struct networks;
struct room;
struct reservations;
struct sweep;
struct tls;
struct conn;
struct cors;
struct fast;

struct gateway {
    struct gateway_config config;
    char listening[128]; /* where, as it came out */
    struct spool *spool;
    struct redis_target *redis;
    struct cidr_list *trusted; /* proxies whose X-Forwarded-For counts */
    struct tls *tls;           /* NULL: GATEWAY_LISTEN speaks plain HTTP */
    struct cors *cors;         /* origins whose pages may upload */
    char *uploader;            /* the script for /u/<token>.sh; NULL: not there */
    struct plain plain[LANGUAGES];
    struct pool *receivers, *publishers;
    struct fast *fast; /* NULL: every upload goes through the page cache */
    struct lane *lanes;
    unsigned lane_count;
    struct networks *networks;
    struct room *room;
    struct reservations *reservations; /* of unfinished resumable uploads; in `coming` */
    struct sweep *sweep;               /* the first lane's */
    unsigned max_connections, max_per_network;
    _Atomic unsigned connections; /* open now */
    _Atomic unsigned bulk;        /* uploads that come fast now */
    _Atomic int64_t coming;       /* bytes that open uploads, here and elsewhere, have declared and not yet written */
};

TAILQ_HEAD(handshakes, conn);
LIST_HEAD(questions, question);
#define QUESTION_BUCKETS 256

struct lane {
    struct gateway *gateway;
    struct loop *loop;
    struct redis_link *link;
    struct redis_link *mail; /* waits for those who ask for our resumable uploads */
    struct loop_timer mail_retry;
    struct questions questions[QUESTION_BUCKETS]; /* about tokens, under way; by the first byte of the hash */
    char box[SPOOL_ID_SIZE];                      /* where they ask */
    unsigned long holders;                        /* requests so far that wanted to hold one */
    struct sock *listener, *status_listener;      /* status: lane 0 only */
    struct loop_timer accept_pause, drain_look, end;
    struct conn *conns; /* all open ones */
    unsigned conn_count;
    struct handshakes handshakes; /* under way, the oldest first */
    unsigned handshake_count;
    bool draining;
    struct loop_message drain, expire;
    pthread_t thread;
    size_t head_len;              /* of the head in scratch while a handler runs */
    char scratch[HEAD_MAX_BYTES]; /* where heads are read and parsed */
};

#endif
