/* Pages and words that were built with the upload page; see plain.h. */
#include "services/upload-gw/plain.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 65536

int plain_read(const char *web_dir, const char *name, char **out)
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
    for (int e = 1; e < GATEWAY_ERRORS; ++e)
        if (strcmp(gateway_errors[e].id, id) == 0)
            return e;
    return -1;
}

/* Lines of "ID text". */
static void split_words(struct plain *p)
{
    char *rest = NULL;

    for (char *line = strtok_r(p->words, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *text = strchr(line, ' ');
        if (text == NULL)
            continue;
        *text++ = '\0';
        int found = find_words(line);
        if (found >= 0)
            p->of[found] = text;
    }
}

int plain_load(const char *web_dir, struct plain out[LANGUAGES])
{
    static const char *const files[LANGUAGES][2] = {
        [LANGUAGE_ENGLISH] = {"page.en.html", "words.en"},
        [LANGUAGE_RUSSIAN] = {"page.ru.html", "words.ru"},
    };

    for (enum language l = 0; l < LANGUAGES; ++l) {
        int err = plain_read(web_dir, files[l][0], &out[l].page);
        if (err == 0)
            err = plain_read(web_dir, files[l][1], &out[l].words);
        if (err < 0)
            return err;
        split_words(out + l);
    }
    return 0;
}
