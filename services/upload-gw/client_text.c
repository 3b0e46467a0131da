/* Texts of clients; see client_text.h. */
#include "services/upload-gw/client_text.h"

#include <stdlib.h>
#include <string.h>

json_t *client_text(const char *text)
{
    json_t *s = json_string(text);
    char *plain = s != NULL ? NULL : strdup(text);

    if (plain == NULL)
        return s;
    for (char *p = plain; *p != '\0'; ++p)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    s = json_string(plain);
    free(plain);
    return s;
}
