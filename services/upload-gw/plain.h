/*
 * The pages of browsers, in the customer's language: the frame that the upload page mounts in, and all that is shown
 * without JavaScript. Built with the upload page, as are the words of refusals. Must not know of requests.
 */
#ifndef LC_GATEWAY_PLAIN_H
#define LC_GATEWAY_PLAIN_H

#include "services/upload-gw/accept.h"
#include "services/upload-gw/errors.h"

#define PLAIN_POLICY                                                                                                   \
    "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "           \
    "form-action 'self'"

struct plain {  /* in one language */
    char *page; /* for template_fill() */
    char *words;
    const char *of[GATEWAY_ERRORS]; /* into `words`; NULL: never said on a page */
};

/* Reads a text that lies beside the pages: malloc'ed, or -errno (-EFBIG from 64 KiB on). At the start. */
int plain_read(const char *web_dir, const char *name, char **out) __attribute__((warn_unused_result));
/* Page and words of every language, or the first -errno. */
int plain_load(const char *web_dir, struct plain out[LANGUAGES]) __attribute__((warn_unused_result));

#endif
