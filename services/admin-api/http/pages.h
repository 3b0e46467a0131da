/* Answers from memory that outlives every request: pages, and what is made once. Worker thread. */
#ifndef LC_ADMIN_HTTP_PAGES_H
#define LC_ADMIN_HTTP_PAGES_H

#include "services/admin-api/http/exchange.h"

/* A file of the site with its headers, compressed as the client likes; 404 if there is none. `cache`: Cache-Control. */
int page_answer(struct exchange *x, const char *path, const char *cache) __attribute__((warn_unused_result));
/* Is an unknown path asked for by a browser, and is there a panel to show it? Any thread. */
bool page_lost_is_wanted(const struct exchange *x);
/* 404 as the panel, which says so and shows the ways on; where page_lost_is_wanted. */
int page_lost(struct exchange *x) __attribute__((warn_unused_result));
/* 200 with these bytes, which are not copied. */
int answer_lasting(struct exchange *x, const char *type, const char *bytes, size_t len)
    __attribute__((warn_unused_result));

#endif
