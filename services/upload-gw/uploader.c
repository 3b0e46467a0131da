/* The script that customers upload with; see uploader.h. */
#include "services/upload-gw/uploader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/upload-gw/answer.h"

#define SCRIPT_TYPE "text/x-shellscript; charset=utf-8"

void uploader_refuse(struct conn *c, enum gateway_error e)
{
    answer_error_within(c, e, SCRIPT_TYPE, "#!/bin/sh\necho '", "' >&2\nexit 1\n");
}

/* The script as it lies beside the pages, with address and token in its two empty assignments. PUBLIC_URL was checked
 * at the start and a canonical token is hexadecimal: neither needs quoting beyond what is there. */
void uploader_answer(struct conn *c, const char *token)
{
    const struct gateway *g = c->lane->gateway;
    const char *url = g->config.public_url, *rest = g->uploader;
    const struct {
        const char *empty, *name, *value;
    } fills[] = {{"url=''", "url", url}, {"token=''", "token", token}};
    char *text = NULL;
    size_t len = 0;
    FILE *out = NULL;

    if (url == NULL || url[0] == '\0' || rest == NULL || (out = open_memstream(&text, &len)) == NULL) {
        uploader_refuse(c, GATEWAY_NO_UPLOADER);
        return;
    }
    for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); ++i) {
        const char *at = strstr(rest, fills[i].empty);
        if (at == NULL)
            continue;
        fprintf(out, "%.*s%s='%s'", (int)(at - rest), rest, fills[i].name, fills[i].value);
        rest = at + strlen(fills[i].empty);
    }
    fputs(rest, out);
    if (fclose(out) == 0)
        answer_text(c, 200, SCRIPT_TYPE, text, len);
    else
        answer_error(c, GATEWAY_UNAVAILABLE, NULL);
    free(text);
}
