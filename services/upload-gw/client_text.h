/* What clients sent, as JSON. */
#ifndef LC_GATEWAY_CLIENT_TEXT_H
#define LC_GATEWAY_CLIENT_TEXT_H

#include <jansson.h>

/* Text that came from a client may be anything: what is not UTF-8 is shown as '?'. A new value; NULL: memory is out. */
json_t *client_text(const char *text);

#endif
