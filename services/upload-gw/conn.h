/*
 * A client's connection: reads heads, finds the route, writes answers, keeps alive or closes so that the client can
 * still read why. An upload borrows it for the time of one body. Loop thread only.
 */
#ifndef LC_GATEWAY_CONN_H
#define LC_GATEWAY_CONN_H

#include "services/upload-gw/errors.h"
#include "services/upload-gw/gateway.h"
#include "services/upload-gw/wire.h"
#include "shared/net/address.h"

struct attempts_limits;
struct network;
struct route;
struct upload;

struct conn {
    struct lane *lane;
    struct sock *sock;
    struct wire wire; /* lent with the upload */
    struct conn *prev, *next;
    TAILQ_ENTRY(conn) handshakes;
    struct loop_timer timer;
    const struct route *route;
    struct network *network; /* where it counts; NULL: a trusted proxy's */
    const char *headers;     /* further lines of the answer, for as long as the process lives; may be NULL */
    struct upload *upload;   /* owns reading while set */
    struct sock *pages;      /* our end towards H2O while it answers */
    char *held;              /* bytes read and not yet used: the rest of a head, a body's beginning, the next request */
    size_t held_len;
    char *out; /* an answer being sent */
    size_t out_len, out_at;
    uint64_t began;    /* loop_now at the head's first byte */
    int64_t body_left; /* of the request's body: bytes not taken yet; -1: chunked, not over */
    unsigned discarded;
    int status;       /* of the answer */
    bool status_port; /* came in on GATEWAY_STATUS_LISTEN */
    bool waiting;     /* between requests */
    bool served;      /* had an answer already */
    bool bulk;        /* its last upload came fast */
    bool keep;        /* the connection may stay after the answer */
    bool plain;       /* the client reads text rather than JSON */
    bool form;        /* and that text on a page, in `language`: a browser */
    enum language language;
    bool head_only; /* HEAD: no body in the answer */
    bool handshaking;
    bool lingering;
    enum gateway_error too_many;    /* one connection too many: its request is refused */
    char peer[ADDRESS_TEXT_SIZE];   /* the other end of the connection */
    char client[ADDRESS_TEXT_SIZE]; /* who sent the request, as far as trusted proxies tell */
};

/* Takes over an accepted descriptor. */
void conn_open(struct lane *lane, int fd, bool status_port, const char *peer, struct network *network,
               enum gateway_error too_many);
/* The same for a request of our own, never through TLS. */
void conn_open_inner(struct lane *lane, int fd, const char *peer);
/* Sends `bytes` (malloc'ed, taken over) as the answer to the current request; afterwards the connection goes on, or
 * closes lingering. */
void conn_send(struct conn *c, char *bytes, size_t len, int status);
void conn_close(struct conn *c);
/* Is it a browser that asks, and in which language? */
void conn_read_form(struct conn *c, const struct head *h);
/* What the request's client may ask of Redis; `network` holds its network's name. */
void conn_limits(const struct conn *c, char network[ADDRESS_NET_SIZE], struct attempts_limits *out);
/* The connection is ready for its first request. */
void conn_begin(struct conn *c);
/* Closes so that what was sent can still be read. */
void conn_linger(struct conn *c);
/* H2O answers the request whose head is scratch[0..head_len); then the connection closes lingering. */
void conn_relay_pages(struct conn *c);
/* An upload is over: what it read beyond its body (copied) stands before the next request. 0 or -ENOMEM. */
int conn_hold(struct conn *c, const char *bytes, size_t len);
/* SIGTERM: idle connections close now, others after their answer. */
void conn_drain(struct lane *lane);

#endif
