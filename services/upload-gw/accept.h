/* What a client would like to read (RFC 9110 12.5.1), as far as it matters here. */
#ifndef LC_GATEWAY_ACCEPT_H
#define LC_GATEWAY_ACCEPT_H

#include "shared/http/head.h"

enum accept { ACCEPT_ANY, ACCEPT_HTML, ACCEPT_JSON, ACCEPT_TEXT };

/* The first of the three that Accept names; ANY: none of them. */
enum accept accept_wanted(const struct head *h);
/* curl and its like, which ask for nothing: text is for them. Programs that want JSON say so. */
bool accept_is_terminal(enum accept wanted);

#endif
