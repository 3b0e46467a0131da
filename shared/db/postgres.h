/* What the PostgreSQL driver's files share: where the server is, and one connection to it. */
#ifndef LC_SHARED_DB_POSTGRES_H
#define LC_SHARED_DB_POSTGRES_H

#include <libpq-fe.h>

#include "shared/db/driver.h"

struct db_place {
    PQconninfoOption *options; /* of the URL */
    unsigned timeout_ms;
    bool read_only;
};

struct db_link {
    struct db_place *place;
    struct db_fault *fault;
    PGconn *conn;
    struct db_prepared *dropped; /* to be deallocated when the server listens again */
    unsigned made;               /* statements, for their names */
    int64_t deadline_ms;         /* of the running statement, monotonic; 0: none */
    int64_t changed;
    bool is_in_transaction, is_migrating;
    bool is_broken; /* nothing more can be done on this connection */
};

int postgres_place_open(const char *url, const struct db_options *options, struct db_place **out, char *why,
                        size_t why_size);
void postgres_place_close(struct db_place *p);
/* A connection that is ready for statements, non-blocking from here on. Waits as long as connect_timeout says for each
 * host of the URL. 0, -ENOTCONN or -ENOMEM. */
int postgres_place_connect(const struct db_place *p, struct db_fault *fault, PGconn **out);

/* The error that a result, or the loss of the connection (result NULL), stands for; its words go into the fault. */
int postgres_failed(struct db_link *l, const PGresult *result);

/* Is every placeholder $1 … $count in the SQL, and no other? */
bool postgres_has_placeholders(const char *sql, size_t count);
/* A value in binary format as an integer: int2, int4, int8, bool; numeric without its fraction. */
int64_t postgres_integer(Oid type, const unsigned char *bytes, size_t len);
/* i s b as in db.h, 0 for void, ? for a type that the interface cannot give. */
char postgres_letter(Oid type);

#endif
