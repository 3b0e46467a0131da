/*
 * The thread that has archives scanned, the oldest first, one at a time. An archive is claimed for a minute that is
 * renewed while clamd works, so two services on one database share the work. clamd away, which is that it does not
 * answer PING: archives stay pending, and may be downloaded meanwhile. clamd there and failing on one: that one goes
 * behind the others, longer each time, and is skipped at last. Main thread starts and ends it.
 */
#ifndef LC_ADMIN_SCAN_SCANNER_H
#define LC_ADMIN_SCAN_SCANNER_H

#include "services/admin-api/admin.h"

struct scanner;

/* *out is NULL where no clamd is configured. 0 or negative. */
int scanner_start(const struct admin *admin, struct scanner **out) __attribute__((warn_unused_result));
void scanner_stop(struct scanner *s);

#endif
