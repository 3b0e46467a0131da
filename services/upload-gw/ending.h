/*
 * The pages that a form without JavaScript ends on, in the customer's language: built with the upload page, as are the
 * words put into them. Must not know of requests.
 */
#ifndef LC_GATEWAY_ENDING_H
#define LC_GATEWAY_ENDING_H

#include <stddef.h>

#include "services/upload-gw/accept.h"
#include "services/upload-gw/errors.h"

#define ENDING_RECEIVED GATEWAY_OK     /* the words of a file that arrived */
#define ENDING_UNSURE   GATEWAY_ERRORS /* the same when Redis could not say what is left */

struct ending { /* in one language; NULL: not built, the answer stays plain text or as errors.def has it */
    char *received, *refused, *words;
    const char *of[GATEWAY_ERRORS + 1]; /* into `words` */
};

/* Reads a text that lies beside the pages: malloc'ed, or -errno (-EFBIG from 64 KiB on). At the start. */
int ending_read(const char *web_dir, const char *name, char **out) __attribute__((warn_unused_result));
/* Pages and words of every language; what cannot be read is NULL and the first -errno the result. */
int ending_load(const char *web_dir, struct ending out[LANGUAGES]) __attribute__((warn_unused_result));
/* The page for `status` with `text` in it, whatever that contains: malloc'ed, `len` without the NUL. -ENOENT: no page;
 * -ENOMEM. */
int ending_fill(const struct ending *e, int status, const char *text, char **out, size_t *len)
    __attribute__((warn_unused_result));

#endif
