/* Answers from memory that outlives every request: pages, and what is made once. Worker thread. */
#ifndef LC_ADMIN_HTTP_PAGES_H
#define LC_ADMIN_HTTP_PAGES_H

#include "services/admin-api/http/exchange.h"

/* A file of the site with its headers, compressed as the client likes; 404 if there is none. `cache`: Cache-Control. */
int page_answer(struct exchange *x, const char *path, const char *cache) __attribute__((warn_unused_result));
/* Is something outside the API asked for by a browser, and is there a panel to show it? Any thread. */
bool page_is_wanted(const struct exchange *x);
/* A refusal: where page_is_wanted as the panel with that status, which says why in words; else as JSON. */
int page_refuse(struct exchange *x, enum api_error id) __attribute__((warn_unused_result));
/* Of an unknown path. */
int page_lost(struct exchange *x) __attribute__((warn_unused_result));
/* 200 with these bytes, which are not copied. */
int answer_lasting(struct exchange *x, const char *type, const char *bytes, size_t len)
    __attribute__((warn_unused_result));

#endif
