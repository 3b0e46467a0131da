/*
 * Lists of networks, as in TRUSTED_PROXIES: 10.0.0.0/8, 2001:db8::/32, single addresses, and "unix" for peers on a
 * unix socket. Immutable once parsed, so any thread may ask.
 */
#ifndef LC_SHARED_NET_CIDR_H
#define LC_SHARED_NET_CIDR_H

#include "shared/net/address.h"

struct cidr_list;

/* Separated by commas, spaces around them allowed; "" is the empty list. 0, -ENOMEM, or -EINVAL with what to give
 * instead in `why`. The caller frees *out. */
int cidr_list_parse(const char *text, struct cidr_list **out, char *why, size_t why_size)
    __attribute__((warn_unused_result));
void cidr_list_free(struct cidr_list *list);

/* NULL is the empty list. An IPv6 network never holds an IPv4 address, not even ::/0. */
bool cidr_list_has(const struct cidr_list *list, const struct address *a);
bool cidr_list_has_unix(const struct cidr_list *list);

/* config_row.check of such a list. */
int cidr_list_check(const char *value, char *why, size_t why_size);

#endif
