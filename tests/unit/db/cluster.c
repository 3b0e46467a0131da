/* The server of the tests; see cluster.h. */
#include "tests/unit/db/cluster.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "tests/unit/db/suite.h"

enum { ARGUMENTS = 24, PROCESSES = 64, PATIENCE_MS = 20000 };

static char programs[128], directory[64], data[96];
static pid_t postmaster;

const char *cluster_directory(void)
{
    return directory;
}

bool cluster_is_installed(void)
{
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0) {
        const char *newest = found.gl_pathv[found.gl_pathc - 1];
        snprintf(programs, sizeof(programs), "%.*s", (int)(strrchr(newest, '/') - newest), newest);
    }
    globfree(&found);
    return programs[0] != '\0';
}

static void become_nobody(void)
{
    const struct passwd *nobody = getpwnam("nobody");
    if (geteuid() == 0 &&
        (nobody == NULL || setgroups(0, NULL) < 0 || setgid(nobody->pw_gid) < 0 || setuid(nobody->pw_uid) < 0))
        _exit(126);
}

static pid_t spawn(const char *program, const char *const *args)
{
    char path[192], *argv[ARGUMENTS + 2] = {path};
    snprintf(path, sizeof(path), "%s/%s", programs, program);
    for (size_t i = 0; i < ARGUMENTS && args[i] != NULL; ++i)
        argv[i + 1] = (char *)(uintptr_t)args[i];
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    int log = open("/dev/null", O_RDWR | O_CLOEXEC);
    become_nobody();
    if (chdir("/") < 0 || dup2(log, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(125);
    execv(path, argv);
    _exit(127);
}

static void run(const char *program, const char *const *args)
{
    int status = -1;
    pid_t pid = spawn(program, args);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("%s ended with status %d", program, status);
}

void cluster_run(const char *program, ...)
{
    const char *args[ARGUMENTS + 1] = {"-h", directory, "-U", "app"};
    va_list list;
    va_start(list, program);
    for (size_t i = 4; i < ARGUMENTS && (args[i] = va_arg(list, const char *)) != NULL; ++i)
        ;
    va_end(list);
    run(program, args);
}

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

void cluster_start(void)
{
    char url[160];
    int64_t until = now_ms() + PATIENCE_MS;
    const char *const args[] = {
        "-D", data, "-k", directory, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=40", NULL};
    snprintf(url, sizeof(url), "postgresql:///postgres?host=%s&user=app", directory);
    while (postmaster == 0 || PQping(url) != PQPING_OK) {
        /* It does not start while processes of a killed one hold its memory. */
        if (postmaster != 0 && waitpid(postmaster, NULL, WNOHANG) == postmaster)
            postmaster = 0;
        if (postmaster == 0)
            postmaster = spawn("postgres", args);
        if (now_ms() > until)
            fail_msg("PostgreSQL does not start in %s", data);
        pause_shortly();
    }
}

void cluster_make(void)
{
    make_temporary_directory(directory, sizeof(directory));
    snprintf(data, sizeof(data), "%s/cluster", directory);
    const char *const args[] = {"-D", data, "-U", "app", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8",
                                NULL};
    run("initdb", args);
    cluster_start();
}

/* The postmaster and what it started: each in a process group of its own. */
static void signal_all(int number)
{
    char path[64], list[PROCESSES * 12] = "";
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)postmaster, (int)postmaster);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t len = fread(list, 1, sizeof(list) - 1, f);
    fclose(f);
    list[len] = '\0';
    assert_int_equal(kill(postmaster, number), 0);
    for (char *p = list, *end; strtol(p, &end, 10) > 0; p = end)
        kill((pid_t)strtol(p, NULL, 10), number);
}

static void wait_for_end(void)
{
    assert_int_equal(waitpid(postmaster, NULL, 0), postmaster);
    postmaster = 0;
}

void cluster_stop(void)
{
    assert_int_equal(kill(postmaster, SIGINT), 0);
    wait_for_end();
}

void cluster_kill(void)
{
    signal_all(SIGKILL);
    wait_for_end();
}

void cluster_freeze(void)
{
    signal_all(SIGSTOP);
}

void cluster_thaw(void)
{
    signal_all(SIGCONT);
}

void cluster_remove(void)
{
    if (postmaster != 0) {
        kill(postmaster, SIGCONT);
        kill(postmaster, SIGQUIT);
        wait_for_end();
    }
    remove_tree(directory);
}
