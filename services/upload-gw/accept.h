/* What a client would like to read (RFC 9110 12.5.1), as far as it matters here. */
#ifndef LC_GATEWAY_ACCEPT_H
#define LC_GATEWAY_ACCEPT_H

#include "shared/http/head.h"

enum accept { ACCEPT_ANY, ACCEPT_HTML, ACCEPT_JSON, ACCEPT_TEXT };
enum language { LANGUAGE_ENGLISH, LANGUAGE_RUSSIAN, LANGUAGES };

/* The first of the three that Accept names; ANY: none of them. */
enum accept accept_wanted(const struct head *h);
/* curl and its like, which ask for nothing: text is for them. Programs that want JSON say so. */
bool accept_is_terminal(enum accept wanted);
/* Which of ours Accept-Language likes best (RFC 9110 12.5.4); English where it likes neither. */
enum language accept_language(const struct head *h);

#endif
