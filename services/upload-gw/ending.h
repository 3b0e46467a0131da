/* The pages that a form without JavaScript ends on: built with the upload page, the answer's words put into them. */
#ifndef LC_GATEWAY_ENDING_H
#define LC_GATEWAY_ENDING_H

#include <stddef.h>

struct ending {
    char *received, *refused; /* malloc'ed; NULL: not built, the answer stays plain text */
};

/* Reads a text that lies beside the pages: malloc'ed, or -errno (-EFBIG from 64 KiB on). At the start. */
int ending_read(const char *web_dir, const char *name, char **out) __attribute__((warn_unused_result));
/* Both pages; one that cannot be read is NULL and its -errno the result. */
int ending_load(const char *web_dir, struct ending *out) __attribute__((warn_unused_result));
/* The page for `status` with `text` in it, whatever that contains: malloc'ed, `len` without the NUL. -ENOENT: no page;
 * -ENOMEM. */
int ending_fill(const struct ending *e, int status, const char *text, char **out, size_t *len)
    __attribute__((warn_unused_result));

#endif
