/*
 * The digest a client announces for what one request brings (tus 1.0.0, extension checksum): `sha1 <base64>` and the
 * like. One thread at a time.
 */
#ifndef LC_GATEWAY_CHECKSUM_H
#define LC_GATEWAY_CHECKSUM_H

#include <stdbool.h>

#include "shared/http/head.h"

#define CHECKSUM_ALGORITHMS "sha1,sha256" /* what OPTIONS tells; the table in checksum.c */

struct checksum;

/* 0; -EINVAL: not "name base64", or a value of another length; -ENOTSUP: another algorithm; -ENOMEM. */
int checksum_new(struct span announced, struct checksum **out) __attribute__((warn_unused_result));
void checksum_free(struct checksum *c);
void checksum_update(struct checksum *c, const void *data, size_t len);
/* Is what came what was announced? Once. */
bool checksum_matches(struct checksum *c);

#endif
