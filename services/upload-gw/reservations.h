/*
 * What unfinished resumable uploads have declared and not yet brought: space that nobody else is granted. Their own
 * gateway says so at once; what other gateways began on the same directory is learned by the sweep. Any thread.
 */
#ifndef LC_GATEWAY_RESERVATIONS_H
#define LC_GATEWAY_RESERVATIONS_H

#include <stdatomic.h>
#include <stdint.h>

struct reservations;

/* `sum`: where their bytes are counted, among others' maybe. NULL: memory. */
struct reservations *reservations_new(_Atomic int64_t *sum);
int64_t reservations_of(struct reservations *r, const char *upload_id); /* 0: none */
struct reservations_total {
    int64_t bytes; /* of all of them: their part of `sum` */
    int64_t made;  /* how many were set for the first time here, ever, and not found by a scan */
};
struct reservations_total reservations_total(struct reservations *r);
/* 0 bytes: none any more. Without memory it is not counted, and the disk may fill earlier than was thought. */
void reservations_set(struct reservations *r, const char *upload_id, int64_t bytes);

/* One scan at a time: what the disk says, unless it was set since the scan began; at its end what was neither seen nor
 * set is dropped. */
void reservations_scan_begin(struct reservations *r);
void reservations_seen(struct reservations *r, const char *upload_id, int64_t bytes);
void reservations_scan_end(struct reservations *r);

#endif
