/* Accounts from the command line: for the first administrator, and for the day nobody can log in any more. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "services/admin-api/commands.h"
#include "services/admin-api/security/audit.h"
#include "services/admin-api/security/password.h"
#include "services/admin-api/security/password_rules.h"
#include "services/admin-api/security/second_factor.h"
#include "services/admin-api/security/totp.h"
#include "services/admin-api/security/users.h"
#include "shared/clock/clock.h"

#define WHY_SIZE      256
#define PASSWORD_SIZE (PASSWORD_LENGTH_MAX + 2)

enum option { OPTION_SUPERUSER = 1, OPTION_TOTP = 2, OPTION_PASSWORD_STDIN = 4 };

struct errand {
    const struct command_call *call;
    const char *name;
    unsigned options;
    struct db_conn *conn;
    struct user user; /* of a command about one that exists */
    char encoded[PASSWORD_ENCODED_SIZE];
    unsigned char secret[TOTP_SECRET_SIZE];
};

/* --- arguments and passwords --- */

static unsigned option_of(const char *text)
{
    static const struct {
        const char *text;
        enum option option;
    } rows[] = {
        {"--superuser", OPTION_SUPERUSER}, {"--totp", OPTION_TOTP}, {"--password-stdin", OPTION_PASSWORD_STDIN}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); ++i)
        if (strcmp(text, rows[i].text) == 0)
            return rows[i].option;
    return 0;
}

/* One NAME and the options allowed; false: wrong usage. */
static bool read_arguments(struct errand *e, unsigned allowed)
{
    for (int i = 0; i < e->call->argc; ++i) {
        const char *text = e->call->argv[i];
        unsigned option = option_of(text);
        if (option == 0 && text[0] != '-' && e->name == NULL)
            e->name = text;
        else if ((option & allowed) == 0)
            return false;
        e->options |= option;
    }
    return e->name != NULL;
}

/* A line from `in` without its end; false: none, or too long. */
static bool read_line(FILE *in, char *out, size_t size)
{
    if (fgets(out, (int)size, in) == NULL)
        return false;
    size_t len = strlen(out);
    bool whole = len > 0 && out[len - 1] == '\n';
    if (whole)
        out[--len] = '\0';
    if (len > 0 && out[len - 1] == '\r')
        out[len - 1] = '\0';
    return whole || feof(in);
}

/* Asks on the terminal without showing what is typed. */
static bool ask(const char *prompt, char *out, size_t size)
{
    struct termios before, hidden;
    FILE *terminal = fopen("/dev/tty", "r+");

    if (terminal == NULL || tcgetattr(fileno(terminal), &before) < 0) {
        if (terminal != NULL)
            fclose(terminal);
        fputs("admin-api: no terminal to ask for the password: use --password-stdin\n", stderr);
        return false;
    }
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fileno(terminal), TCSAFLUSH, &hidden);
    fputs(prompt, terminal);
    bool ok = read_line(terminal, out, size);
    tcsetattr(fileno(terminal), TCSAFLUSH, &before);
    fputs("\n", terminal);
    fclose(terminal);
    return ok;
}

static bool get_password(const struct errand *e, char out[PASSWORD_SIZE])
{
    char again[PASSWORD_SIZE] = "";

    if (e->options & OPTION_PASSWORD_STDIN) {
        if (read_line(stdin, out, PASSWORD_SIZE))
            return true;
        fputs("admin-api: no password on standard input, or a too long one\n", stderr);
        return false;
    }
    bool same = ask("Password: ", out, PASSWORD_SIZE) && ask("Once more: ", again, PASSWORD_SIZE);
    if (same && strcmp(out, again) != 0) {
        fputs("admin-api: the two passwords differ; nothing was changed\n", stderr);
        same = false;
    }
    sodium_memzero(again, sizeof(again));
    return same;
}

/* Asks, checks and hashes. 0 or the exit status. */
static int make_encoded(struct errand *e)
{
    char password[PASSWORD_SIZE] = "", why[WHY_SIZE];
    int status = 1;

    if (get_password(e, password)) {
        const char *const unlike[] = {e->name, NULL};
        if (password_check(password, unlike, why, sizeof(why)) < 0)
            status = command_failed("%s", why);
        else
            status = password_hash(password, e->encoded) < 0 ? command_failed("out of memory") : 0;
    }
    sodium_memzero(password, sizeof(password));
    return status;
}

/* --- in the database --- */

static int failed(const struct errand *e, int err)
{
    if (err == -EEXIST)
        return command_failed("user %s exists already", e->name);
    return command_failed("the database refused: %s", err == -ENOTCONN ? "it cannot be reached" : db_error(e->conn));
}

static int note(struct db_conn *c, const struct errand *e, const char *action)
{
    const struct audit_event event = {.actor = "console", .action = action, .object = e->name, .outcome = AUDIT_OK};
    return audit_write(c, &event, clock_now_us());
}

/* 0, or the exit status. */
static int begin(struct errand *e, const struct command_call *call, const char *words, unsigned allowed)
{
    e->call = call;
    if (!read_arguments(e, allowed))
        return command_usage(words);
    return db_acquire(call->admin->db, &e->conn) < 0 ? command_failed("the database cannot be reached") : 0;
}

static int begin_known(struct errand *e, const struct command_call *call, const char *words, unsigned allowed)
{
    int status = begin(e, call, words, allowed);
    if (status != 0)
        return status;
    int found = user_by_name(e->conn, e->name, &e->user);
    if (found < 0)
        return failed(e, found);
    return found == 1 ? 0 : command_failed("there is no user %s; admin-api user list shows them", e->name);
}

static int end(struct errand *e, int status)
{
    db_release(e->conn);
    sodium_memzero(e, sizeof(*e));
    return status;
}

static int enroll(struct errand *e, struct db_conn *c, int64_t id)
{
    return e->options & OPTION_TOTP ? second_factor_enroll(e->call->admin->keys, c, id, e->secret) : 0;
}

static int print_secret(const struct errand *e)
{
    char *uri = e->options & OPTION_TOTP ? totp_uri(TOTP_ISSUER, e->name, e->secret) : NULL;
    if (uri != NULL) {
        printf("second factor, for an authenticator app (shown once):\n%s\n", uri);
        sodium_memzero(uri, strlen(uri));
    }
    free(uri);
    return 0;
}

static int create(struct db_conn *c, void *arg)
{
    struct errand *e = arg;
    int64_t id = user_create(c, e->name, e->encoded, (e->options & OPTION_SUPERUSER) != 0, clock_now_us());
    int err = id < 0 ? (int)id : enroll(e, c, id);
    return err < 0 ? err : note(c, e, "user.create");
}

int command_user_create(const struct command_call *call)
{
    struct errand e = {0};
    char why[WHY_SIZE];
    int status = begin(&e, call, "user create", OPTION_SUPERUSER | OPTION_TOTP | OPTION_PASSWORD_STDIN);

    if (status == 0 && user_check_name(e.name, why, sizeof(why)) < 0)
        status = command_failed("%s", why);
    if (status == 0)
        status = make_encoded(&e);
    if (status != 0)
        return end(&e, status);
    totp_make_secret(e.secret);
    int err = db_transaction(e.conn, create, &e);
    if (err < 0)
        return end(&e, failed(&e, err));
    printf("user %s was created%s\n", e.name, e.options & OPTION_SUPERUSER ? ", with all rights" : "");
    return end(&e, print_secret(&e));
}

static int set_password(struct db_conn *c, void *arg)
{
    struct errand *e = arg;
    int err = user_set_password(c, e->user.id, e->encoded);
    return err < 0 ? err : note(c, e, "user.password");
}

int command_user_passwd(const struct command_call *call)
{
    struct errand e = {0};
    int status = begin_known(&e, call, "user passwd", OPTION_PASSWORD_STDIN);

    if (status == 0)
        status = make_encoded(&e);
    if (status != 0)
        return end(&e, status);
    int err = db_transaction(e.conn, set_password, &e);
    if (err < 0)
        return end(&e, failed(&e, err));
    printf("user %s has a new password; sessions and tokens have ended\n", e.name);
    return end(&e, 0);
}

static int enable(struct db_conn *c, void *arg)
{
    struct errand *e = arg;
    int err = user_set_active(c, e->user.id, true);
    return err < 0 ? err : note(c, e, "user.enable");
}

static int disable(struct db_conn *c, void *arg)
{
    struct errand *e = arg;
    int err = user_set_active(c, e->user.id, false);
    return err < 0 ? err : note(c, e, "user.disable");
}

static int set_active(const struct command_call *call, const char *words, bool active)
{
    struct errand e = {0};
    int status = begin_known(&e, call, words, 0);

    if (status != 0)
        return end(&e, status);
    int err = db_transaction(e.conn, active ? enable : disable, &e);
    if (err < 0)
        return end(&e, failed(&e, err));
    printf("user %s is %s\n", e.name, active ? "enabled" : "disabled; sessions and tokens have ended");
    return end(&e, 0);
}

int command_user_disable(const struct command_call *call)
{
    return set_active(call, "user disable", false);
}

int command_user_enable(const struct command_call *call)
{
    return set_active(call, "user enable", true);
}

static int reset(struct db_conn *c, void *arg)
{
    struct errand *e = arg;
    int err = user_reset_2fa(c, e->user.id);
    if (err == 0)
        err = enroll(e, c, e->user.id);
    return err < 0 ? err : note(c, e, "user.reset_2fa");
}

int command_user_reset_2fa(const struct command_call *call)
{
    struct errand e = {0};
    int status = begin_known(&e, call, "user reset-2fa", OPTION_TOTP);

    if (status != 0)
        return end(&e, status);
    totp_make_secret(e.secret);
    int err = db_transaction(e.conn, reset, &e);
    if (err < 0)
        return end(&e, failed(&e, err));
    printf("user %s has %s second factor; sessions and tokens have ended\n", e.name,
           e.options & OPTION_TOTP ? "a new" : "no");
    return end(&e, print_secret(&e));
}

static int print_user(const struct user *u, void *arg)
{
    (void)arg;
    printf("%-32s %-10s %-9s %s\n", u->username, u->is_active ? "active" : "disabled",
           u->is_superuser ? "superuser" : "user", u->has_totp ? "2fa" : "no 2fa");
    return 0;
}

int command_user_list(const struct command_call *call)
{
    struct errand e = {.call = call};

    if (call->argc > 0)
        return command_usage("user list");
    if (db_acquire(call->admin->db, &e.conn) < 0)
        return command_failed("the database cannot be reached");
    int err = user_each(e.conn, print_user, NULL);
    return end(&e, err < 0 ? failed(&e, err) : 0);
}
