/*
 * The files that browsers load: the panel's and the API documentation's pages, read once at start from one directory,
 * so that a request touches no file and a running service never mixes two versions. A file's siblings .br and .gz are
 * its compressed forms. Immutable after site_open: any thread.
 */
#ifndef LC_ADMIN_HTTP_SITE_H
#define LC_ADMIN_HTTP_SITE_H

#include <stddef.h>

#include "services/admin-api/http/etag.h"

enum site_coding { SITE_BR, SITE_GZIP, SITE_PLAIN, SITE_CODINGS }; /* in order of preference */

struct site_form {
    char *bytes; /* NULL: there is no such form */
    size_t len;
    char etag[ETAG_SIZE];
};

struct site_file {
    char *path;       /* below the directory: "index.html", "assets/panel-4f1c.js" */
    const char *type; /* Content-Type */
    struct site_form forms[SITE_CODINGS];
};

struct site;

/* Reads everything below `root`; names that begin with a dot, links and the like are left out. 0, or negative with one
 * line in `why`: -ENOENT no such directory, -E2BIG more than 1000 files, 8 levels or 32 MiB. */
int site_open(const char *root, struct site **out, char *why, size_t why_size) __attribute__((warn_unused_result));
void site_free(struct site *s);
/* NULL: no such file. `s` may be NULL. */
const struct site_file *site_find(const struct site *s, const char *path);
const char *site_coding_name(enum site_coding coding); /* as in Content-Encoding; NULL: plain */

#endif
