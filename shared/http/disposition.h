/* Content-Disposition, read (RFC 6266, RFC 5987) and written. Any thread. */
#ifndef LC_SHARED_HTTP_DISPOSITION_H
#define LC_SHARED_HTTP_DISPOSITION_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/http/head.h"

/* A parameter's value ("name", "filename") into `out`, NUL-terminated, as bytes the client meant (UTF-8 or not is
 * judged by filename_clean); `filename` prefers filename*. Length, -ENOENT if absent, -EINVAL if the header is
 * malformed or holds NUL, -ENAMETOOLONG if it does not fit. `browser_escapes`: undo %22 %0D %0A as in form-data. */
ssize_t disposition_param(struct span header, const char *name, bool browser_escapes, char *out, size_t size)
    __attribute__((warn_unused_result));

/* `attachment; filename="ascii fallback"; filename*=UTF-8''…` for a download (RFC 6266 4.3, appendix D). Length or
 * -ENAMETOOLONG. Never contains CR, LF or an unescaped quote, whatever the name. */
ssize_t disposition_attachment(const char *utf8_name, char *out, size_t size) __attribute__((warn_unused_result));

#endif
