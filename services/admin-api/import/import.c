/* The order of steps, what they share, and the sums at the end; see import.h. */
#include "services/admin-api/import/import.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/admin-api/import/statements.h"
#include "services/admin-api/resources/iso_time.h"

#define OLD_TIMEOUT_MS 60000
#define REASON         480

/* Each stands on those before it. */
static const struct {
    const char *what;
    int (*run)(struct import *i);
} steps[] = {{"users", import_users},
             {"platforms", import_platforms},
             {"tickets", import_tickets},
             {"archives", import_archives}};

void import_taken(struct import *i)
{
    ++i->taken;
}

void import_known(struct import *i)
{
    ++i->known;
}

static __attribute__((format(printf, 2, 0))) void tell(const char *what, const char *format, va_list args)
{
    printf("  %s ", what);
    vprintf(format, args);
    putchar('\n');
}

void import_changed(struct import *i, const char *format, ...)
{
    va_list args;

    ++i->changed;
    va_start(args, format);
    tell("changed:", format, args);
    va_end(args);
}

void import_note(struct import_difference *d, const char *format, ...)
{
    size_t len = strlen(d->text);
    va_list args;

    if (len > 0)
        len += (size_t)snprintf(d->text + len, sizeof(d->text) - len, "; ");
    va_start(args, format);
    if (len < sizeof(d->text))
        vsnprintf(d->text + len, sizeof(d->text) - len, format, args);
    va_end(args);
}

void import_compare(struct import_difference *d, const char *field, int64_t there, int64_t here)
{
    if (there != here)
        import_note(d, "%s %" PRId64 " there, %" PRId64 " here", field, there, here);
}

void import_differs(struct import *i, const char *what, const struct import_difference *d)
{
    if (d->text[0] == '\0')
        return;
    ++i->differing;
    printf("  differs in 0.1.0, left as it is: %s: %s\n", what, d->text);
}

void import_failed(struct import *i, const char *format, ...)
{
    va_list args;

    ++i->failed;
    va_start(args, format);
    tell("not taken:", format, args);
    va_end(args);
}

int import_refuse(struct import *i, int64_t number)
{
    if (i->refused.count == i->refused.room) {
        size_t room = i->refused.room * 2 + 16;
        int64_t *more = reallocarray(i->refused.numbers, room, sizeof(*more));
        if (more == NULL)
            return -ENOMEM;
        i->refused.numbers = more;
        i->refused.room = room;
    }
    i->refused.numbers[i->refused.count++] = number;
    return 0;
}

bool import_is_refused(const struct import *i, int64_t number)
{
    for (size_t n = 0; n < i->refused.count; ++n)
        if (i->refused.numbers[n] == number)
            return true;
    return false;
}

int import_each(struct import *i, const struct db_statement *old,
                int (*each)(struct import *i, const struct db_rows *row))
{
    struct db_rows *rows = NULL;
    int more, err = db_query(i->old, &rows, old);

    if (err < 0)
        return err;
    while ((more = db_step(rows)) == 1 && (err = each(i, rows)) == 0)
        ;
    db_rows_free(rows);
    return more < 0 ? more : err;
}

int64_t import_time(const char *text)
{
    char whole[64];
    int64_t us = 0;

    if (text == NULL)
        return 0;
    size_t len = strlen(text);
    bool hours_only = len > 3 && (text[len - 3] == '+' || text[len - 3] == '-') && len > 19; /* PostgreSQL: +00 */
    snprintf(whole, sizeof(whole), "%s%s", text, hours_only ? ":00" : "");
    return iso_time_parse(whole, &us) < 0 ? 0 : us;
}

/* --- opening the old one --- */

/* A path becomes sqlite's URL; it must be there, or sqlite's words would be no help. */
static int url_of(const char *db, char **out, char *why, size_t why_size)
{
    if (strstr(db, "://") != NULL)
        return (*out = strdup(db)) == NULL ? -ENOMEM : 0;
    if (access(db, R_OK) < 0) {
        int err = -errno;
        snprintf(why, why_size, "--db %.300s: %s; give the db.sqlite3 of 0.1.0, or its postgresql:// address", db,
                 strerror(-err));
        return err;
    }
    return asprintf(out, "sqlite:///%s", db) < 0 ? -ENOMEM : 0;
}

static int open_old(struct import *i, const char *db, char *why, size_t why_size)
{
    const struct db_options options = {.connections = 2, .statement_timeout_ms = OLD_TIMEOUT_MS, .read_only = true};
    char reason[REASON] = "", *url = NULL;
    int err = url_of(db, &url, why, why_size);

    if (err == 0 && (err = db_open(url, &options, &i->old_db, reason, sizeof(reason))) < 0)
        snprintf(why, why_size, "--db: %s", reason);
    free(url);
    if (err == 0 && (err = db_acquire(i->old_db, &i->old)) == 0)
        err = db_acquire(i->old_db, &i->beside);
    return err;
}

/* Before anything is changed: is it a database of 0.1.0 at all? */
static int check_tables(struct import *i, char *why, size_t why_size)
{
    char reason[REASON] = "";

    int err = db_prepare_all(i->old, import_statements, IMPORT_OLD_STATEMENT_COUNT, reason, sizeof(reason));
    if (err < 0)
        snprintf(why, why_size, "--db: this is no database of Logs Collector 0.1.0: %s", reason);
    return err;
}

static int open_media(struct import *i, const char *media, char *why, size_t why_size)
{
    i->media = open(media, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (i->media >= 0)
        return 0;
    int err = -errno;
    snprintf(why, why_size, "--media %.300s: %s; give the directory that holds a folder for each ticket number", media,
             strerror(-err));
    return err;
}

static void print_sums(const struct import *i)
{
    printf("  %" PRId64 " taken over, %" PRId64 " here already, %" PRId64 " not taken\n", i->taken, i->known,
           i->failed);
    if (i->changed > 0)
        printf("  %" PRId64 " of them changed since 0.1.0 recorded them: compare them with a backup of that server\n",
               i->changed);
    if (i->differing > 0)
        printf("  %" PRId64 " of them differ in 0.1.0 from what is here: change them here, if that is what you want\n",
               i->differing);
}

static int run_steps(struct import *i, char *why, size_t why_size)
{
    int64_t failed = 0, changed = 0, known = 0;

    for (size_t n = 0; n < sizeof(steps) / sizeof(steps[0]); ++n) {
        i->taken = i->known = i->failed = i->changed = i->differing = 0;
        printf("%s\n", steps[n].what);
        int err = steps[n].run(i);
        print_sums(i);
        known += i->known;
        failed += i->failed;
        changed += i->changed;
        if (err < 0) {
            snprintf(why, why_size, "%s: %s; nothing that was taken over is lost: run it again", steps[n].what,
                     strerror(-err));
            return err;
        }
    }
    if (known > 0)
        puts("what is here already is not changed again, whatever it is in 0.1.0 now");
    return failed > 0 ? 1 : changed > 0 ? IMPORT_CHANGED : 0;
}

int import_run(const struct admin *admin, const struct import_options *options, char *why, size_t why_size)
{
    struct import i = {.admin = admin, .media = -1, .dry_run = options->dry_run};

    snprintf(why, why_size, "the database cannot be reached");
    int err = open_old(&i, options->db, why, why_size);
    if (err == 0)
        err = check_tables(&i, why, why_size);
    if (err == 0)
        err = open_media(&i, options->media, why, why_size);
    if (err == 0 && admin->db != NULL)
        err = db_acquire(admin->db, &i.ours);
    if (err == 0)
        err = run_steps(&i, why, why_size);
    free(i.refused.numbers);
    db_release(i.ours);
    db_release(i.old);
    db_release(i.beside);
    db_close(i.old_db);
    if (i.media >= 0)
        close(i.media);
    return err;
}
