/* Origins and the lines their pages need; see cors.h. */
#include "services/upload-gw/cors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/net/origin.h"

#define MAX_ORIGINS 32
#define ORIGIN_SIZE 300

static const char exposed[] =
    "Access-Control-Expose-Headers: Location, Upload-Offset, Upload-Length, Upload-Defer-Length, Upload-Metadata, "
    "Upload-Expires, Upload-Sha256, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, "
    "Retry-After\r\n";

struct allowed {
    char origin[ORIGIN_SIZE];
    char *lines;
};

struct cors {
    char *plain; /* for everybody else */
    size_t count;
    struct allowed allowed[MAX_ORIGINS];
};

/* The next origin of the list, without blanks and its last slash; 0: none is left; -E2BIG: longer than any. */
static int next_origin(const char **at, char out[ORIGIN_SIZE])
{
    *at += strspn(*at, ", ");
    size_t len = strcspn(*at, ", ");
    if (len >= ORIGIN_SIZE)
        return -E2BIG;
    snprintf(out, ORIGIN_SIZE, "%.*s", (int)len, *at);
    *at += len;
    if (len > 0 && out[len - 1] == '/')
        out[len - 1] = '\0';
    return len > 0;
}

int cors_check(const char *value, char *why, size_t why_size)
{
    char origin[ORIGIN_SIZE];
    int count = 0, more;
    while ((more = next_origin(&value, origin)) == 1) {
        if (++count > MAX_ORIGINS) {
            snprintf(why, why_size, "at most %d origins", MAX_ORIGINS);
            return -EINVAL;
        }
        int err = strcmp(origin, "*") == 0 ? 0 : origin_check(origin, why, why_size);
        if (err < 0)
            return err;
    }
    if (more < 0)
        snprintf(why, why_size, "an origin is a scheme, a host and a port");
    return more < 0 ? -EINVAL : 0;
}

int cors_new(const char *origins, const char *lines, struct cors **out)
{
    char origin[ORIGIN_SIZE];
    struct cors *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return -ENOMEM;
    c->plain = strdup(lines);
    while (c->plain != NULL && origins != NULL && c->count < MAX_ORIGINS && next_origin(&origins, origin) == 1) {
        struct allowed *a = &c->allowed[c->count];
        memcpy(a->origin, origin, sizeof(origin));
        if (asprintf(&a->lines, "%sAccess-Control-Allow-Origin: %s\r\n%s%s", lines, origin,
                     strcmp(origin, "*") == 0 ? "" : "Vary: Origin\r\n", exposed) < 0) {
            a->lines = NULL;
            cors_free(c);
            return -ENOMEM;
        }
        ++c->count;
    }
    if (c->plain == NULL) {
        cors_free(c);
        return -ENOMEM;
    }
    *out = c;
    return 0;
}

void cors_free(struct cors *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->count; ++i)
        free(c->allowed[i].lines);
    free(c->plain);
    free(c);
}

const char *cors_lines(const struct cors *c, const struct head *h, bool *allowed)
{
    const struct span *origin = head_find(h, "origin", NULL);
    for (size_t i = 0; origin != NULL && i < c->count; ++i)
        if (strcmp(c->allowed[i].origin, "*") == 0 || span_equals(*origin, c->allowed[i].origin)) {
            if (allowed != NULL)
                *allowed = true;
            return c->allowed[i].lines;
        }
    if (allowed != NULL)
        *allowed = false;
    return c->plain;
}
