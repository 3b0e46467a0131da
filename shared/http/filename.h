/*
 * File names from customers become names of archives: last component only (/ and \), spaces to '_', letters, marks
 * and digits of any script and "-_." kept, the rest dropped, NFC. Any thread.
 */
#ifndef LC_SHARED_HTTP_FILENAME_H
#define LC_SHARED_HTTP_FILENAME_H

#include <stddef.h>
#include <sys/types.h>

#define FILENAME_MAX_RAW   255 /* bytes of the last component: longer is refused; no clean name is longer either */
#define FILENAME_MAX_CHARS 100 /* characters kept, the extension among them */
#define FILENAME_SIZE      256 /* bytes of a buffer that holds any clean name */

/* Length of the clean name in `out`; -EINVAL: nothing usable is left (empty, ".", "..", only dropped characters) or
 * not UTF-8; -ENAMETOOLONG: the last component is over FILENAME_MAX_RAW bytes. */
ssize_t filename_clean(const char *raw, size_t len, char out[FILENAME_SIZE]) __attribute__((warn_unused_result));

/* `app.log` -> `app_<7 random alphanumerics>.log`, still within both limits. Length. */
ssize_t filename_suffixed(const char *name, char out[FILENAME_SIZE]) __attribute__((warn_unused_result));

#endif
