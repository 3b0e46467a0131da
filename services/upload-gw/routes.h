/* What the gateway answers, as one table. A handler is called with a complete head whose spans die when it returns. */
#ifndef LC_GATEWAY_ROUTES_H
#define LC_GATEWAY_ROUTES_H

#include "services/upload-gw/conn.h"

enum route_method {
    ROUTE_GET,
    ROUTE_HEAD,
    ROUTE_POST,
    ROUTE_PUT,
    ROUTE_PATCH,
    ROUTE_DELETE,
    ROUTE_METHODS,
    ROUTE_OPTIONS = ROUTE_METHODS,
    ROUTE_OTHER
};
enum route_port { ROUTE_PUBLIC, ROUTE_STATUS };
enum route_match { ROUTE_EXACT, ROUTE_PREFIX };

typedef void (*route_handler)(struct conn *c, const struct head *h);

struct route {
    enum route_port port;
    enum route_match match;
    const char *path;
    route_handler handlers[ROUTE_METHODS];
    route_handler options; /* NULL: answered from the row itself */
};

/* NULL: 404. */
const struct route *route_find(enum route_port port, struct span path);
/* A known path without its last slash: 301 to the slashed one. */
bool route_lacks_slash(enum route_port port, struct span path);
enum route_method route_method(struct span method);
/* "GET, HEAD, OPTIONS". */
void route_allow(const struct route *r, char *out, size_t size);

void check_health(struct conn *c, const struct head *h);
void check_token_hint(struct conn *c, const struct head *h);
void check_token(struct conn *c, const struct head *h);
void check_collection(struct conn *c, const struct head *h);
void check_ready(struct conn *c, const struct head *h);
void check_metrics(struct conn *c, const struct head *h);
void serve_link(struct conn *c, const struct head *h);
void serve_asset(struct conn *c, const struct head *h);
void tus_options(struct conn *c, const struct head *h);
void tus_create(struct conn *c, const struct head *h);
void tus_head(struct conn *c, const struct head *h);
void tus_patch(struct conn *c, const struct head *h);
void tus_delete(struct conn *c, const struct head *h);
void tus_override(struct conn *c, const struct head *h);
void serve_token_page(struct conn *c, const struct head *h);
void upload_by_header(struct conn *c, const struct head *h);
void upload_by_path(struct conn *c, const struct head *h);

#endif
