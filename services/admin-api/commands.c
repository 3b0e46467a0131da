/* The table of commands and those that concern the service as a whole; user_commands.c has the accounts. */
#include "services/admin-api/commands.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "services/admin-api/migrations.h"
#include "services/admin-api/scan/scanner.h"
#include "services/admin-api/security/audit.h"
#include "services/admin-api/security/key_mark.h"
#include "services/admin-api/serve.h"
#include "services/admin-api/start.h"
#include "services/admin-api/storage/storage.h"
#include "services/admin-api/webhooks/deliver.h"
#include "shared/clock/clock.h"
#include "shared/log/log.h"
#include "shared/net/probe.h"

#define WHY_SIZE 512

static const struct command commands[] = {
#define COMMAND(name, args, what, function, text)                                                                      \
    {.words = (name), .arguments = (args), .needs = NEEDS_##what, .run = (function), .doc = (text)},
#include "services/admin-api/commands.def"
#undef COMMAND
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

/* How many of argv's words are exactly these; 0: they are not. */
static int matches(const char *words, int argc, char **argv)
{
    int used = 0;

    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        if (used == argc || strlen(argv[used]) != len || memcmp(argv[used], words, len) != 0)
            return 0;
        ++used;
        words += len + (words[len] == ' ');
    }
    return used;
}

const struct command *command_find(int argc, char **argv, int *words)
{
    *words = 0;
    if (argc == 0)
        return commands;
    for (size_t i = 0; i < COMMAND_COUNT; ++i)
        if ((*words = matches(commands[i].words, argc, argv)) > 0)
            return commands + i;
    return NULL;
}

void command_help(FILE *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; ++i)
        fprintf(out, "  %s%s%s\n      %s\n", commands[i].words, commands[i].arguments[0] != '\0' ? " " : "",
                commands[i].arguments, commands[i].doc);
}

int command_usage(const char *words)
{
    const struct command *found = NULL;

    for (size_t i = 0; i < COMMAND_COUNT; ++i)
        if (strcmp(commands[i].words, words) == 0)
            found = commands + i;
    fprintf(stderr, "usage: admin-api %s %s\n", words, found == NULL ? "" : found->arguments);
    return 2;
}

int command_failed(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("admin-api: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return 1;
}

/* --- the service as a whole --- */

int command_serve(const struct command_call *call)
{
    char why[WHY_SIZE] = "";

    if (call->argc > 0)
        return command_usage("serve");
    if (storage_keep(call->admin->storage) < 0) {
        log_error("start.refused", LOG_S("why", "the storage keeper's thread cannot be started"));
        return 1;
    }
    struct deliverer *deliverer = NULL;
    struct scanner *scanner = NULL;
    int err = deliverer_start(call->admin, &deliverer, why, sizeof(why));
    if (err == 0 && (err = scanner_start(call->admin, &scanner)) < 0)
        snprintf(why, sizeof(why), "the thread of the malware scan cannot start");
    if (err == 0)
        err = admin_serve(call->admin, why, sizeof(why));
    scanner_stop(scanner);
    deliverer_stop(deliverer);
    if (err < 0) {
        log_error("start.refused", LOG_S("why", why));
        return 1;
    }
    log_info("ended");
    return 0;
}

int command_migrate(const struct command_call *call)
{
    size_t count;

    if (call->argc > 0)
        return command_usage("migrate");
    (void)admin_migrations(db_dialect(call->admin->db), &count);
    printf("the database (%s) is at migration %zu\n", db_dialect(call->admin->db), count);
    return 0;
}

struct findings {
    size_t count, missing;
};

static void on_finding(void *arg, const char *what, const char *upload_id, const char *action)
{
    struct findings *f = arg;

    ++f->count;
    f->missing += strcmp(what, "missing") == 0;
    printf("%-10s %s  %s\n", what, upload_id, action);
}

/* A dry run makes no database to compare with; a server's address may have a password in it. */
static int open_for_cleanup(const struct command_call *call, bool dry_run, char *why, size_t why_size)
{
    const char *url = call->admin->config->db_url;

    if (!dry_run)
        return opened_all(call->opened, why, why_size);
    int err = opened_dry_run(call->opened, why, why_size);
    if (err == 0 && call->admin->db == NULL) {
        snprintf(why, why_size, "DB_URL: there are no tables yet%s%.200s: give the database that knows the archives",
                 strncmp(url, "sqlite:", 7) == 0 ? " at " : "", strncmp(url, "sqlite:", 7) == 0 ? url : "");
        err = -ENOENT;
    }
    return err < 0 ? err : opened_stores(call->opened, why, why_size);
}

int command_cleanup(const struct command_call *call)
{
    struct findings found = {0};
    struct db_conn *c;
    char why[WHY_SIZE] = "";
    bool dry_run = call->argc == 1 && strcmp(call->argv[0], "--dry-run") == 0;

    if (call->argc > 1 || (call->argc == 1 && !dry_run))
        return command_usage("cleanup");
    if (open_for_cleanup(call, dry_run, why, sizeof(why)) < 0)
        return command_failed("%s", why);
    int err = db_acquire(call->admin->db, &c);
    if (err == 0) {
        err = storage_cleanup(call->admin->storage, c, dry_run, on_finding, &found);
        db_release(c);
    }
    if (err == -ETIME)
        return command_failed("cleanup refused: the clock cannot be trusted; nothing was changed");
    if (err < 0)
        return command_failed("cleanup stopped: %s; what it said before is done, run it again", strerror(-err));
    printf("%zu finding%s%s\n", found.count, found.count == 1 ? "" : "s", dry_run ? " (nothing was changed)" : "");
    if (found.missing > 0)
        return command_failed(
            "%zu archive%s missing from %s: put %s data and manifest back to archives/ from a backup, "
            "or delete %s; if many are, compare DB_URL and DATA_DIR with the service's",
            found.missing, found.missing == 1 ? " is" : "s are", call->admin->config->data_dir,
            found.missing == 1 ? "its" : "their", found.missing == 1 ? "it" : "them");
    return 0;
}

static int accept_key(struct db_conn *c, void *arg)
{
    const struct command_call *call = arg;
    const struct audit_event event = {.actor = "console", .action = "key.accept", .outcome = AUDIT_OK};
    int err = key_mark_replace(call->admin->keys, c);

    return err < 0 ? err : audit_write(c, &event, clock_now_us());
}

int command_accept_key(const struct command_call *call)
{
    struct db_conn *c;
    struct command_call given = *call;

    if (call->argc > 0)
        return command_usage("accept-key");
    int err = db_acquire(call->admin->db, &c);
    if (err == 0) {
        err = db_transaction(c, accept_key, &given);
        db_release(c);
    }
    if (err < 0)
        return command_failed("the database refused: %s", strerror(-err));
    puts("this SECRET_KEY is the database's now; what another one sealed stays shut: reset second factors, "
         "rotate upload tokens, give web hooks new secrets");
    return 0;
}

static int note_accepted(struct db_conn *c, void *arg)
{
    const struct audit_event event = {.actor = "console", .action = "data.accept", .outcome = AUDIT_OK};

    (void)arg;
    return audit_write(c, &event, clock_now_us());
}

int command_accept_data(const struct command_call *call)
{
    struct db_conn *c = NULL;
    char why[WHY_SIZE] = "";

    if (call->argc > 0)
        return command_usage("accept-data");
    if (opened_any_database(call->opened, false, why, sizeof(why)) < 0)
        return command_failed("%s", why);
    int err = db_acquire(call->admin->db, &c);
    if (err == 0 && (err = db_transaction(c, note_accepted, NULL)) == 0)
        err = storage_accept(call->admin->config->data_dir, c);
    db_release(c);
    if (err < 0 && err != -ENOENT)
        return command_failed("DATA_DIR: %s/archives cannot be marked: %s", call->admin->config->data_dir,
                              strerror(-err));
    printf("DATA_DIR: %s is this database's now; see admin-api cleanup --dry-run for what it does not know\n",
           call->admin->config->data_dir);
    return 0;
}

int command_project(const struct command_call *call)
{
    struct db_conn *c;

    if (call->argc > 0)
        return command_usage("project");
    int err = db_acquire(call->admin->db, &c);
    if (err == 0) {
        err = storage_project_all(call->admin->storage, c);
        db_release(c);
    }
    if (err < 0)
        return command_failed("Redis could not be filled: %s; check REDIS_URL, then run it again", strerror(-err));
    puts("Redis knows every ticket again");
    return 0;
}

/* Opens each store by itself, so that one that is away does not hide the next. */
int command_check(const struct command_call *call)
{
    static const struct {
        const char *store;
        int (*look)(struct opened *o, char *why, size_t why_size);
    } rows[] = {{"database", opened_check_database}, {"redis", opened_check_redis}, {"storage", opened_check_storage}};
    int bad = 0;

    if (call->argc > 0)
        return command_usage("check");
    puts("configuration  ok");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); ++i) {
        char why[WHY_SIZE] = "";
        bool fails = rows[i].look(call->opened, why, sizeof(why)) < 0;
        printf("%-14s %s%s%s\n", rows[i].store, fails ? "" : "ok", fails || *why == '\0' ? "" : ", ", why);
        bad |= fails;
    }
    return bad;
}

int command_health(const struct command_call *call)
{
    char why[PROBE_BODY];
    const struct admin_config *config = call->admin->config;
    bool ready = call->argc == 1 && strcmp(call->argv[0], "--ready") == 0;

    if (call->argc > 1 || (call->argc == 1 && !ready))
        return command_usage("health");
    if (probe_health(config->status_listen, config->listen, ready, why, sizeof(why)) < 0)
        return command_failed("not well: %s", why);
    puts(why);
    return 0;
}
