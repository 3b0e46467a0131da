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

/* Whose words they are; -1: nobody's. */
static int find_words(const char *id)
{
    if (strcmp(id, "RECEIVED") == 0)
        return ENDING_RECEIVED;
    if (strcmp(id, "UNSURE") == 0)
        return ENDING_UNSURE;
    for (int e = 1; e < GATEWAY_ERRORS; ++e)
        if (strcmp(gateway_errors[e].id, id) == 0)
            return e;
    return -1;
}

/* Lines of "ID text"; \n within a text begins a new line. */
static void split_words(struct ending *e)
{
    char *rest = NULL;

    for (char *line = strtok_r(e->words, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *text = strchr(line, ' ');
        if (text == NULL)
            continue;
        *text++ = '\0';
        int found = find_words(line);
        if (found >= 0)
            e->of[found] = text;
        for (char *p = text; (p = strstr(p, "\\n")) != NULL;) {
            *p = '\n';
            memmove(p + 1, p + 2, strlen(p + 2) + 1);
        }
    }
}

static int load_language(const char *web_dir, const char *const names[3], struct ending *out)
{
    char **const to[3] = {&out->received, &out->refused, &out->words};
    int err = 0;

    for (size_t i = 0; i < 3; ++i) {
        int one = ending_read(web_dir, names[i], to[i]);
        err = err < 0 ? err : one;
    }
    if (out->words != NULL)
        split_words(out);
    return err;
}

int ending_load(const char *web_dir, struct ending out[LANGUAGES])
{
    static const char *const files[LANGUAGES][3] = {
        [LANGUAGE_ENGLISH] = {"received.en.html", "refused.en.html", "words.en"},
        [LANGUAGE_RUSSIAN] = {"received.ru.html", "refused.ru.html", "words.ru"},
    };
    int err = 0;

    for (enum language l = 0; l < LANGUAGES; ++l) {
        int one = load_language(web_dir, files[l], &out[l]);
        err = err < 0 ? err : one;
    }
    return err;
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
