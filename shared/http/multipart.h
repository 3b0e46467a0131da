/*
 * multipart/form-data (RFC 7578 over RFC 2046 5.1.1) as a streaming state machine of fixed size: no allocation, a
 * boundary may be cut anywhere across reads, payload is handed out as spans of the input (or of the few bytes that
 * were held back as a possible boundary).
 */
#ifndef LC_SHARED_HTTP_MULTIPART_H
#define LC_SHARED_HTTP_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/http/head.h"

#define MULTIPART_MAX_BOUNDARY    70   /* RFC 2046 5.1.1 */
#define MULTIPART_MAX_PART_HEAD   8192 /* bytes of one part's header block */
#define MULTIPART_MAX_PARTS       1000

enum multipart_result {
    MULTIPART_MORE,     /* everything taken, feed more */
    MULTIPART_PART,     /* a part begins: see multipart_name, multipart_filename */
    MULTIPART_DATA,     /* a span of its content */
    MULTIPART_PART_END, /* the part is over */
    MULTIPART_END,      /* the closing boundary was seen; the epilogue is discarded by further calls */
    MULTIPART_BAD       /* see multipart_why */
};

struct multipart; /* about 9 KB; one malloc */

/* `content_type` is the whole header value. NULL with *why if it has no usable boundary. NULL with *why NULL: memory. */
struct multipart *multipart_new(struct span content_type, const char **why);
void multipart_free(struct multipart *m);

/* Takes from [*data, *data + *len), advancing both; DATA sets the span, valid until the next call. */
enum multipart_result multipart_next(struct multipart *m, const char **data, size_t *len, const char **payload,
                                     size_t *payload_len) __attribute__((warn_unused_result));

/* Of the current part, from its Content-Disposition, quotes and backslashes undone, filename* decoded and preferred
 * (RFC 5987; RFC 7578 4.2 forbids it but clients send it); %22 %0D %0A as browsers escape them (WHATWG) undone.
 * NULL: parameter absent. Valid until the next part. Byte strings, NUL-terminated; a NUL inside is BAD. */
const char *multipart_name(const struct multipart *m);
const char *multipart_filename(const struct multipart *m);
const char *multipart_why(const struct multipart *m);

#endif
