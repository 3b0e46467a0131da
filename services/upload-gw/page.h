/* What the pages of browsers show, as values for their template (web/page.html). */
#ifndef LC_GATEWAY_PAGE_H
#define LC_GATEWAY_PAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "shared/redis/attempts.h"

/* All give a new object, NULL without memory. `typed` is what stood where a token belongs, whatever it contains;
 * `text` says why it did not do, unless its form says that already. `sent`: a file has arrived all the same. */
json_t *page_ask(const char *typed, const char *text, bool sent);
json_t *page_lost(const char *text);
json_t *page_refused(const char *text);
/* A file has arrived, and that is all there is to say: no other page could be asked for. */
json_t *page_arrived(const char *name, int64_t size, const char *sha256, int64_t number);
/* The ticket of an admission. `receipt`, which is taken over, is what the API says of it; `received`: the upload that
 * the customer has just sent, may be NULL. */
json_t *page_ticket(const struct admission *a, json_t *receipt, const char *received);

#endif
