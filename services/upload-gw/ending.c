/* The pages that a form without JavaScript ends on; see ending.h. */
#include "services/upload-gw/ending.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 65536
#define PLACE   "{answer}"

int ending_read(const char *web_dir, const char *name, char **out)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", web_dir, name);
    FILE *in = fopen(path, "re");
    char *text = in == NULL ? NULL : calloc(1, LARGEST);
    int err = in == NULL ? -errno : text == NULL ? -ENOMEM : 0;
    if (err == 0 && fread(text, 1, LARGEST - 1, in) == LARGEST - 1)
        err = -EFBIG;
    if (in != NULL)
        fclose(in);
    *out = err == 0 ? text : NULL;
    if (err < 0)
        free(text);
    return err;
}

int ending_load(const char *web_dir, struct ending *out)
{
    int received = ending_read(web_dir, "received.html", &out->received);
    int refused = ending_read(web_dir, "refused.html", &out->refused);
    return received < 0 ? received : refused;
}

static void put_text(FILE *out, const char *text)
{
    static const char special[] = "&<>\"'";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

    for (const char *p = text; *p != '\0'; ++p) {
        const char *at = strchr(special, *p);
        if (at != NULL)
            fputs(entities[at - special], out);
        else
            fputc(*p, out);
    }
}

int ending_fill(const struct ending *e, int status, const char *text, char **out, size_t *len)
{
    const char *page = status < 300 ? e->received : e->refused;
    const char *place = page == NULL ? NULL : strstr(page, PLACE);
    if (place == NULL)
        return -ENOENT;
    FILE *to = open_memstream(out, len);
    if (to == NULL)
        return -ENOMEM;
    fprintf(to, "%.*s", (int)(place - page), page);
    put_text(to, text);
    fputs(place + strlen(PLACE), to);
    if (fclose(to) == 0)
        return 0;
    free(*out);
    return -ENOMEM;
}
