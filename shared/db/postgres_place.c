/*
 * Where a PostgreSQL database is and how a connection to it is made. Nothing of what libpq says about a URL is
 * repeated: it may quote the password.
 */
#include "shared/db/postgres.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_LEAST_S = 2 /* libpq's own least */, CONNECT_MOST_S = 10, OPTIONS_MAX = 64 };

#define URL_FORM "postgresql://user:password@host:5432/name, or postgresql:///name?host=/socket/directory"

static const char *const schemes[] = {"psql://", "postgresql://", "postgres://"};

/* Given unless the URL says otherwise. Keep-alives: a connection that a firewall forgot is noticed while it is idle. */
static const struct {
    const char *keyword, *value;
} defaults[] = {
    {"fallback_application_name", "logs-collector"},
    {"keepalives_idle", "60"},
    {"keepalives_interval", "10"},
    {"keepalives_count", "3"},
};

static const struct {
    const char *words, *advice;
} advices[] = {
    {"password authentication failed", "check user and password in the database URL"},
    {"no password supplied", "put the password into the database URL or a file named by PGPASSFILE"},
    {"no pg_hba.conf entry", "let this user and host in, in the server's pg_hba.conf"},
    {"Peer authentication failed", "name the user this service runs as, or change the method in pg_hba.conf"},
    {"role \"", "make the user with createuser, or name the right one in the database URL"},
    {"database \"", "make the database with createdb, or name the right one in the database URL"},
    {"Connection refused", "check host and port in the database URL"},
    {"No such file or directory", "check the socket's directory in the database URL"},
    {"could not translate host name", "check the host in the database URL"},
    {"too many clients", "raise max_connections of the server, or use fewer connections"},
    {"remaining connection slots", "raise max_connections of the server, or use fewer connections"},
    {"session is read-only", "promote a standby: no server that the database URL names takes writes"},
    {"server is in hot standby mode", "promote a standby: no server that the database URL names takes writes"},
    {"timeout expired", "check that host and port of the database URL can be reached"},
    {"SSL", "check sslmode in the database URL and the server's certificate"},
};

static int refuse_url(char *why, size_t why_size, const char *reason)
{
    snprintf(why, why_size, "the database URL %s: it should be like " URL_FORM, reason);
    return -EINVAL;
}

/* A password with @ / ? in it would be cut there, and its rest taken for a host name that messages then show. */
static bool is_ambiguous(const char *rest)
{
    const char *at = strchr(rest, '@');
    return at != NULL && (strcspn(rest, "/?") < (size_t)(at - rest) || strchr(at + 1, '@') != NULL);
}

/* Where the host was forgotten, libpq takes the password for a port, and says so. */
static bool has_bad_port(const PQconninfoOption *options)
{
    for (const PQconninfoOption *o = options; o->keyword != NULL; ++o) {
        if (strcmp(o->keyword, "port") == 0 && o->val != NULL && o->val[strspn(o->val, "0123456789,")] != '\0')
            return true;
    }
    return false;
}

static const char *after_scheme(const char *url)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); ++i) {
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            return url + strlen(schemes[i]);
    }
    return url;
}

int postgres_place_open(const char *url, const struct db_options *options, struct db_place **out, char *why,
                        size_t why_size)
{
    char *canonical = NULL, *words = NULL;
    const char *rest = after_scheme(url);
    if (is_ambiguous(rest))
        return refuse_url(why, why_size, "has @, / or ? in the user name or password, to be written %40, %2F, %3F");
    struct db_place *p = calloc(1, sizeof(*p));
    if (p == NULL || asprintf(&canonical, "postgresql://%s", rest) < 0) {
        free(p);
        return -ENOMEM;
    }
    p->timeout_ms = options->statement_timeout_ms;
    p->read_only = options->read_only;
    p->options = PQconninfoParse(canonical, &words);
    bool is_malformed = p->options == NULL && words != NULL, is_bad = p->options != NULL && has_bad_port(p->options);
    free(canonical);
    PQfreemem(words);
    if (p->options == NULL || is_bad) {
        postgres_place_close(p);
        return is_malformed ? refuse_url(why, why_size, "is malformed")
               : is_bad     ? refuse_url(why, why_size, "has a port that is no number")
                            : -ENOMEM;
    }
    *out = p;
    return 0;
}

void postgres_place_close(struct db_place *p)
{
    if (p == NULL)
        return;
    PQconninfoFree(p->options);
    free(p);
}

struct keywords {
    const char *names[OPTIONS_MAX + 1], *values[OPTIONS_MAX + 1]; /* NULL at the end */
    size_t count;
};

/* What comes first stays. */
static void add(struct keywords *k, const char *name, const char *value)
{
    for (size_t i = 0; i < k->count; ++i) {
        if (strcmp(k->names[i], name) == 0)
            return;
    }
    if (k->count == OPTIONS_MAX)
        return;
    k->names[k->count] = name;
    k->values[k->count++] = value;
}

static void gather(const struct db_place *p, struct keywords *k, char connect_timeout[16])
{
    unsigned seconds = (p->timeout_ms + 999) / 1000;
    seconds = seconds < CONNECT_LEAST_S ? CONNECT_LEAST_S : seconds > CONNECT_MOST_S ? CONNECT_MOST_S : seconds;
    snprintf(connect_timeout, 16, "%u", seconds);
    *k = (struct keywords){.count = 0};
    add(k, "client_encoding", "UTF8"); /* whatever the URL or the environment says */
    for (const PQconninfoOption *o = p->options; o->keyword != NULL; ++o) {
        if (o->val != NULL)
            add(k, o->keyword, o->val);
    }
    add(k, "connect_timeout", connect_timeout);
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); ++i)
        add(k, defaults[i].keyword, defaults[i].value);
}

static const char *advice_of(const char *words)
{
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); ++i) {
        if (strstr(words, advices[i].words) != NULL)
            return advices[i].advice;
    }
    return "check the database URL, and that PostgreSQL runs there";
}

/* They would go to stderr. */
static void on_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

int postgres_place_connect(const struct db_place *p, struct db_fault *fault, PGconn **out)
{
    struct keywords k;
    char connect_timeout[16];
    gather(p, &k, connect_timeout);
    PGconn *conn = PQconnectdbParams(k.names, k.values, 0);
    if (conn == NULL)
        return -ENOMEM;
    const char *words = PQerrorMessage(conn), *encoding = PQparameterStatus(conn, "server_encoding");
    int err = 0;
    if (PQstatus(conn) != CONNECTION_OK || PQsetnonblocking(conn, 1) != 0)
        err = db_fault_set(fault, -ENOTCONN, "PostgreSQL: %.380s; %s", words, advice_of(words));
    else if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
        err = db_fault_set(fault, -ENOTCONN,
                           "PostgreSQL: the database's encoding is %s, not UTF8; make one with createdb "
                           "--template=template0 --encoding=UTF8",
                           encoding == NULL ? "unknown" : encoding);
    if (err < 0) {
        PQfinish(conn);
        return err;
    }
    PQsetNoticeReceiver(conn, on_notice, NULL);
    *out = conn;
    return 0;
}
