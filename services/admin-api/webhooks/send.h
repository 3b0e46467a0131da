/*
 * One signed request to a web hook's receiver, by libcurl: http(s) only, no redirects, no proxy, bounded in time and
 * size, to an address that the guard allows. Blocks; any thread, each call by itself.
 */
#ifndef LC_ADMIN_WEBHOOKS_SEND_H
#define LC_ADMIN_WEBHOOKS_SEND_H

#include <stddef.h>
#include <stdint.h>

#include "services/admin-api/webhooks/guard.h"

struct send_options {
    const struct guard *guard;
    int64_t timeout_ms;
    const char *ca_file; /* PEM; "": the system's authorities */
};

struct send_request {
    const char *url, *secret, *event;
    int64_t id, now_us;
    const char *body;
    size_t len;
};

struct send_answer {
    int64_t status; /* 0: there was none */
    char why[200];  /* of what went wrong, for people; without the address or any secret. "": 2xx */
};

/* Before threads start; once. 0 or -ENOMEM. */
int send_setup(void) __attribute__((warn_unused_result));
/* 0: the receiver took it (2xx); negative otherwise, with `out` filled in. */
int send_signed(const struct send_options *options, const struct send_request *request, struct send_answer *out)
    __attribute__((warn_unused_result));

#define SEND_SIGNATURE_SIZE 68 /* "v1=", 64 hex digits, NUL */
/* HMAC-SHA256 under `secret` of the decimal seconds, a point and the body. */
int send_signature(const char *secret, int64_t seconds, const char *body, size_t len, char out[SEND_SIGNATURE_SIZE])
    __attribute__((warn_unused_result));

#endif
