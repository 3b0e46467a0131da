/*
 * Who may write a resumable upload: a lease of one request, with a fence that grows with every holder. A newer request
 * asks the holder, through the box of its event loop, to let go. Loop thread only; the keys are of scripts/hold_*.lua.
 */
#ifndef LC_SHARED_REDIS_HOLDS_H
#define LC_SHARED_REDIS_HOLDS_H

#include <stdint.h>

#include "shared/redis/link.h"

enum hold_status {
    HOLD_UNAVAILABLE = 0, /* Redis away or wrong */
    HOLD_OK,
    HOLD_HELD,           /* another request has it and was asked to let go: `left_ms` until its lease ends */
    HOLD_FINISHED,       /* published before: `size` and `sha256` */
    HOLD_UNKNOWN,        /* Redis knows nothing of it */
    HOLD_LOST,           /* another has taken it */
    HOLD_CROWDED_TICKET, /* as many unfinished ones as the limits allow */
    HOLD_CROWDED_NETWORK
};

enum hold_how { HOLD_NEW, HOLD_KNOWN, HOLD_FOUND };
enum hold_end { HOLD_FREE, HOLD_DONE, HOLD_GONE };

struct hold_limits {     /* of unfinished uploads; 0: any number */
    const char *network; /* the client's (address_net_of) */
    int64_t per_ticket, per_network;
    int64_t expiry_ms; /* how long one counts after its last request */
};

struct hold { /* texts must live until the answer */
    const char *upload_id;
    const char *holder; /* this request, and no other in the world */
    const char *box;    /* of the event loop that serves it */
    int64_t lease_ms, keep_ms;
    int64_t ticket_id; /* 0: not known yet */
    int64_t fence;
};

struct hold_answer {
    enum hold_status status;
    int64_t fence, left_ms, size;
    bool lapsed; /* the holder before did not let go, or is not known: it may still write */
    bool wanted; /* somebody asks for it */
    char sha256[65];
};

typedef void (*hold_cb)(void *arg, const struct hold_answer *a);

/* `limits`: of HOLD_NEW alone; NULL: none. */
void hold_take(struct redis_link *l, const struct hold *h, enum hold_how how, const struct hold_limits *limits,
               hold_cb cb, void *arg);
void hold_keep(struct redis_link *l, const struct hold *h, hold_cb cb, void *arg);
/* `size` and `sha256` (hex) with HOLD_DONE only. The status says whether Redis heard it; else the lease ends alone. */
void hold_drop(struct redis_link *l, const struct hold *h, enum hold_end how, int64_t size, const char *sha256,
               hold_cb cb, void *arg);
/* FINISHED or UNKNOWN, by the receipts of the upload's ticket. */
void hold_receipt(struct redis_link *l, const char *upload_id, hold_cb cb, void *arg);

/* One wait of at most `seconds` for the box: cb with an upload id that is asked for, or NULL with 0 (nobody asked) or
 * -errno. The link is busy for as long: it must be used for nothing else. */
typedef void (*hold_asked_cb)(void *arg, const char *upload_id, int err);
void hold_listen(struct redis_link *l, const char *box, unsigned seconds, hold_asked_cb cb, void *arg);

#endif
