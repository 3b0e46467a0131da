/* admin-api: the private side. Reads the configuration, opens what the command needs, runs it; commands.def has them.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/admin-api/commands.h"
#include "services/admin-api/serve.h"
#include "services/admin-api/start.h"
#include "services/admin-api/webhooks/send.h"
#include "shared/clock/clock.h"
#include "shared/log/log.h"

#define WHY_SIZE    512
#define LARGE_BLOCK (256 << 10)

static int help(FILE *out)
{
    fputs("admin-api - the private side of Logs Collector: users, tickets, archives.\n\n"
          "Usage: admin-api [--help | --version | --print-config | COMMAND]\n\n",
          out);
    command_help(out);
    fputs("\nConfigured by its environment; each variable X may be given as X_FILE, the name of a file:\n\n", out);
    config_help(admin_config_rows, admin_config_row_count, out);
    return out == stdout ? 0 : 2;
}

static int refuse(const struct command *command, const char *why)
{
    if (command->run == command_serve) {
        log_error("start.refused", LOG_S("why", why));
        return 1;
    }
    return command_failed("%s", why);
}

/* Before any thread: these signals are for serve to wait for. */
static void block_signals(void)
{
    sigset_t signals;

    admin_signals(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static int run(const struct command *command, const struct admin_config *config, int argc, char **argv)
{
    char why[WHY_SIZE] = "";
    struct opened *opened = NULL;
    bool serves = command->run == command_serve;
    int err = opened_new(config, &opened, why, sizeof(why));

    if (err == 0 && command->needs >= NEEDS_DATABASE)
        err = opened_database(opened, serves, why, sizeof(why));
    if (err == 0 && command->needs >= NEEDS_KEYS)
        err = opened_keys(opened, why, sizeof(why));
    if (err == 0 && serves)
        err = opened_site(opened, why, sizeof(why));
    if (err == 0 && serves)
        err = opened_listeners(opened, why, sizeof(why));
    if (err == 0 && command->needs >= NEEDS_STORES)
        err = opened_stores(opened, why, sizeof(why));
    if (err < 0) {
        opened_free(opened);
        return refuse(command, why);
    }
    const struct command_call call = {.admin = opened_admin(opened), .opened = opened, .argc = argc, .argv = argv};
    int status = command->run(&call);
    opened_free(opened);
    return status;
}

/* A command that root runs beside the service goes on as its user, whose the archives are: files of root's the service
 * could neither read nor remove. Files of secrets are read by then. */
static int become_owner(const char *data_dir, char *why, size_t why_size)
{
    char archives[PATH_MAX];
    struct stat st;

    snprintf(archives, sizeof(archives), "%s/archives", data_dir);
    if (geteuid() != 0 || stat(archives, &st) < 0 || st.st_uid == 0)
        return 0;
    if (setgroups(0, NULL) == 0 && setgid(st.st_gid) == 0 && setuid(st.st_uid) == 0)
        return 0;
    int err = -errno;
    snprintf(why, why_size,
             "DATA_DIR: %.300s belongs to user %u, and root cannot become that user here (%s): run it as them",
             archives, (unsigned)st.st_uid, strerrordesc_np(-err));
    return err;
}

static int load_and_run(const struct command *command, bool print_only, int argc, char **argv)
{
    struct admin_config config;
    char why[WHY_SIZE];

    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "admin-api");
    if (admin_config_load(&config, why, sizeof(why)) < 0)
        return refuse(command, why);
    log_setup((enum log_level)config.log_level, (enum log_format)config.log_format, "admin-api");
    if (!print_only && command->run != command_serve && become_owner(config.data_dir, why, sizeof(why)) < 0) {
        admin_config_free(&config);
        return refuse(command, why);
    }
    signal(SIGPIPE, SIG_IGN); /* writing to a closed socket is an error, not an end */
    if (command->run == command_serve)
        block_signals();
    if (print_only)
        config_print(admin_config_rows, admin_config_row_count, &config, stdout);
    int status = print_only ? 0 : run(command, &config, argc, argv);
    admin_config_free(&config);
    return status;
}

int main(int argc, char **argv)
{
    int words = 0;
    const char *first = argc > 1 ? argv[1] : "";

    clock_begin();
    if (send_setup() < 0)
        return command_failed("out of memory");
    mallopt(M_ARENA_MAX, 2);                /* an arena for each thread would cost more than all requests together */
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK); /* what was large goes back to the system, however much there was */
    if (strcmp(first, "--help") == 0 || strcmp(first, "help") == 0)
        return help(stdout);
    if (strcmp(first, "--version") == 0)
        return puts("admin-api " LC_VERSION) < 0;
    bool print_only = argc == 2 && strcmp(first, "--print-config") == 0;
    const struct command *command = command_find(print_only ? 0 : argc - 1, argv + 1, &words);
    if (command == NULL)
        return help(stderr);
    return load_and_run(command, print_only, argc - 1 - words, argv + 1 + words);
}
