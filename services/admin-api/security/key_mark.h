/*
 * Is SECRET_KEY the key that this database's secrets are sealed under? Its mark tells, a known text sealed with it; a
 * database without one is asked for something it holds sealed. Whoever owns the connection.
 */
#ifndef LC_ADMIN_SECURITY_KEY_MARK_H
#define LC_ADMIN_SECURITY_KEY_MARK_H

#include <stddef.h>

#include "services/admin-api/security/keyring.h"
#include "shared/db/db.h"

/* 0; -EKEYREJECTED with a line in `why`: neither it nor a fallback is; or the database's error. Changes nothing. */
int key_mark_check(const struct keyring *k, struct db_conn *c, char *why, size_t why_size)
    __attribute__((warn_unused_result));
/* The same; a database that was in order is marked with the current key, so that a fallback may go one day. */
int key_mark_keep(const struct keyring *k, struct db_conn *c, char *why, size_t why_size)
    __attribute__((warn_unused_result));
/* Marks it with the current key whatever it holds: what another key sealed stays shut. In a transaction. */
int key_mark_replace(const struct keyring *k, struct db_conn *c) __attribute__((warn_unused_result));

#endif
