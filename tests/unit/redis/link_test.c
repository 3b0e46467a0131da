/* The asynchronous link and the gateway's half of the attempt rules against a real server: every call is answered once,
 * whatever happens to the server, and the link comes back by itself. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/redis/link_steps.h"
#include "tests/unit/redis/redis_server.h"

#define TIMEOUT_MS 5000
#define SHORT_MS   150
#define LEASE_MS   60000
#define ID_A       "0123456789abcdef0123456789abcdef"
#define ID_B       "fedcba9876543210fedcba9876543210"
#define STEPS(s)   s, sizeof(s) / sizeof((s)[0])

static struct redis_server server;

static int begin(void **state)
{
    (void)state;
    server_start(&server, 0, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    server_end(&server);
    return 0;
}

/* What admin-api would tell of one ticket with two attempts. */
static void project(void)
{
    const struct projection p = {.ticket_id = 7,
                                 .number = 2004,
                                 .attempts = 2,
                                 .max_bytes = 1000,
                                 .rev = 1,
                                 .token_hash = "hash",
                                 .platform = "android"};
    struct redis_target *target = NULL;
    char why[256];
    assert_int_equal(redis_target_parse(server.url, &target, why, sizeof(why)), 0);
    struct redis_client *c = redis_client_new(target, TIMEOUT_MS);
    assert_int_equal(attempts_epoch_begin(c, "e1"), 0);
    assert_int_equal(attempts_project(c, &p), 0);
    assert_int_equal(attempts_epoch_set(c, "e1"), 0);
    redis_client_free(c);
    redis_target_free(target);
}

/* --- steps --- */

static int expected; /* answers */
static enum commit_status committed;
static char committed_name[64];

static bool is_answered(void)
{
    return answers == expected;
}

static void reserve_as(const char *id)
{
    ++expected;
    attempts_reserve(link_under_test, "hash", id, LEASE_MS, on_admission, NULL);
}

static void reserve_a(void)
{
    reserve_as(ID_A);
}

static void reserve_b(void)
{
    reserve_as(ID_B);
}

static void renew_a(void)
{
    ++expected;
    attempts_renew(link_under_test, 7, ID_A, "e1", LEASE_MS, on_admission, NULL);
}

static void ask_status(void)
{
    ++expected;
    attempts_status(link_under_test, "hash", on_admission, NULL);
}

static void on_committed(void *arg, enum commit_status status, const char *name, int64_t left)
{
    (void)arg;
    (void)left;
    committed = status;
    snprintf(committed_name, sizeof(committed_name), "%s", name == NULL ? "" : name);
    ++answers;
}

static void commit_as(const char *id, const char *receipt)
{
    const struct commit_request request = {
        .ticket_id = 7, .upload_id = id, .epoch = "e1", .names = {"a.log", "a_1.log", "a_2.log"}, .receipt = receipt};
    ++expected;
    attempts_commit(link_under_test, &request, on_committed, NULL);
}

static void commit_a(void)
{
    commit_as(ID_A, "{\"size\":5}");
}

static void commit_b(void)
{
    commit_as(ID_B, "{}");
}

static void on_released(void *arg)
{
    (void)arg;
    ++answers;
}

static void release_b(void)
{
    ++expected;
    attempts_release(link_under_test, 7, ID_B, on_released, NULL);
}

static void stop(void)
{
    server_signal(&server, SIGSTOP);
}

static void go_on(void)
{
    server_signal(&server, SIGCONT);
}

static void kill_server(void)
{
    server_kill(&server);
}

static void start_again(void)
{
    server_again(&server);
    project();
}

static void flush_scripts(void)
{
    assert_string_equal(ASK(&server, "SCRIPT", "FLUSH"), "OK");
}

/* --- what the last answer must be --- */

static void is_first(void)
{
    const struct admission *a = &last_admission;
    assert_int_equal(a->status, ADMISSION_OK);
    assert_true(a->ticket_id == 7 && a->number == 2004 && a->attempts == 2 && a->max_bytes == 1000);
    assert_string_equal(a->platform, "android");
    assert_string_equal(a->epoch, "e1");
}

static void is_ok(void)
{
    assert_int_equal(last_admission.status, ADMISSION_OK);
}

static void is_done(void)
{
    assert_int_equal(last_admission.status, ADMISSION_DONE);
}

static void is_in_use(void)
{
    assert_int_equal(last_admission.status, ADMISSION_IN_USE);
    assert_true(last_admission.retry_ms > 0 && last_admission.retry_ms <= LEASE_MS);
}

static void is_unavailable(void)
{
    assert_int_equal(last_admission.status, ADMISSION_UNAVAILABLE);
}

static void is_wished_name(void)
{
    assert_int_equal(committed, COMMIT_OK);
    assert_string_equal(committed_name, "a.log");
}

static void is_suffixed_name(void)
{
    assert_int_equal(committed, COMMIT_OK);
    assert_string_equal(committed_name, "a_1.log");
}

static void reserve_third(void)
{
    reserve_as("00000000000000000000000000000003");
}

/* Its key came back from an older memory; the ticket has another by now. */
static void reserve_by_old_token(void)
{
    assert_string_equal(ASK(&server, "SET", "lc:tok:{old}", "7"), "OK");
    ++expected;
    attempts_reserve(link_under_test, "old", ID_B, LEASE_MS, on_admission, NULL);
}

static void is_unknown(void)
{
    assert_int_equal(last_admission.status, ADMISSION_UNKNOWN);
}

static void check_receipts(void)
{
    assert_string_equal(ASK(&server, "LINDEX", "lc:{7}:receipts", "-1"), "{\"name\":\"a.log\",\"size\":5}");
    assert_string_equal(ASK(&server, "LINDEX", "lc:{7}:receipts", "0"), "{\"name\":\"a_1.log\"}");
    assert_string_equal(ASK(&server, "LLEN", "lc:{7}:receipts"), "2"); /* the repeated commit left none */
}

/* --- tests --- */

static void test_life_of_attempts(void **state)
{
    static const struct step steps[] = {
        {project, is_up, "the link to come up"},
        {reserve_a, is_answered, "reserve"},
        {is_first, NULL, NULL},
        {reserve_a, is_answered, "reserve again"},
        {is_first, NULL, NULL}, /* no second lease */
        {reserve_b, is_answered, "the other reserve"},
        {is_ok, NULL, NULL},
        {reserve_third, is_answered, "one too many"},
        {is_in_use, NULL, NULL},
        {reserve_a, is_answered, "reserve again, with none free"},
        {is_ok, NULL, NULL},
        {reserve_by_old_token, is_answered, "a token that was rotated away"},
        {is_unknown, NULL, NULL},
        {release_b, is_answered, "release"},
        {reserve_b, is_answered, "reserve after release"},
        {is_ok, NULL, NULL},
        {flush_scripts, NULL, NULL},
        {renew_a, is_answered, "renew"},
        {is_ok, NULL, NULL},
        {flush_scripts, NULL, NULL},
        {commit_a, is_answered, "commit"},
        {is_wished_name, NULL, NULL},
        {commit_a, is_answered, "commit again"},
        {is_wished_name, NULL, NULL},
        {commit_b, is_answered, "the other commit"},
        {is_suffixed_name, NULL, NULL},
        {check_receipts, NULL, NULL},
        {renew_a, is_answered, "renew of a committed one"},
        {is_done, NULL, NULL},
        {ask_status, is_answered, "status"},
        {is_ok, NULL, NULL},
    };
    (void)state;
    expected = 0;
    play(server.url, TIMEOUT_MS, STEPS(steps));
    assert_int_equal(link_ups, 1);
    assert_int_equal(link_new_servers, 1);
    assert_int_equal(link_downs, 0);
    assert_true(last_admission.attempts == 0);
}

/* Nobody listens at first: calls are answered at once, and the link finds the server when it is there. */
static void test_by_name(void **state)
{
    static const struct step steps[] = {{NULL, is_up, "the link to find it by its name"}};
    char url[64];
    (void)state;
    server_end(&server);
    server_start(&server, server_free_port(), NULL);
    snprintf(url, sizeof(url), "redis://localhost:%d/0", server.port);
    play(url, TIMEOUT_MS, STEPS(steps));
}

static void test_server_comes_late(void **state)
{
    static const struct step steps[] = {
        {NULL, is_down, "nothing"},          {reserve_a, is_answered, "an answer without a server"},
        {is_unavailable, NULL, NULL},        {start_again, is_up, "the link to come up"},
        {reserve_a, is_answered, "reserve"}, {is_first, NULL, NULL},
    };
    (void)state;
    expected = 0;
    server_end(&server);
    server_start(&server, server_free_port(), NULL);
    server_kill(&server);
    play(server.url, TIMEOUT_MS, STEPS(steps));
    assert_int_equal(link_ups, 1);
}

static void test_restart(void **state)
{
    static const struct step steps[] = {
        {project, is_up, "the link to come up"},
        {kill_server, is_down, "the link to notice"},
        {reserve_a, is_answered, "an answer without a server"},
        {is_unavailable, NULL, NULL},
        {start_again, is_up, "the link to come back"},
        {reserve_a, is_answered, "reserve"},
        {is_first, NULL, NULL},
    };
    (void)state;
    expected = 0;
    play(server.url, TIMEOUT_MS, STEPS(steps));
    assert_int_equal(link_ups, 2);
    assert_int_equal(link_new_servers, 2);
    assert_int_equal(link_downs, 1);
}

/* A frozen server: the call that waits longest gets a time-out, the others with it, nothing twice. */
static void test_frozen(void **state)
{
    static const struct step steps[] = {
        {project, is_up, "the link to come up"},
        {stop, NULL, NULL},
        {reserve_a, NULL, NULL},
        {renew_a, NULL, NULL},
        {commit_b, is_answered, "all to be answered"},
        {is_unavailable, is_down, "the link to be down"},
        {go_on, is_up, "the link to come back"},
        {ask_status, is_answered, "status"},
        {is_ok, NULL, NULL},
    };
    (void)state;
    expected = 0;
    committed = COMMIT_OK;
    play(server.url, SHORT_MS, STEPS(steps));
    assert_int_equal(committed, COMMIT_UNAVAILABLE);
    assert_int_equal(answers, expected);
    assert_int_equal(link_new_servers, 1); /* it is the same server */
}

static void test_freed_with_calls_out(void **state)
{
    static const struct step steps[] = {
        {project, is_up, "the link to come up"},
        {stop, NULL, NULL},
        {reserve_a, NULL, NULL},
        {release_b, NULL, NULL},
        {commit_b, NULL, NULL},
    };
    (void)state;
    expected = 0;
    play(server.url, TIMEOUT_MS, STEPS(steps));
    assert_int_equal(answers, 3); /* by redis_link_free */
    assert_int_equal(committed, COMMIT_UNAVAILABLE);
    go_on();
}

static bool has_tried(void)
{
    return strcmp(ASK(&server, "CONFIG", "RESETSTAT"), "(no answer)") != 0;
}

/* A server that must not be used: the link stays down, calls are answered all the same. */
static void stays_down(const char *const *options)
{
    static const struct step steps[] = {
        {NULL, has_tried, "the server"},
        {reserve_a, is_answered, "an answer"},
        {is_unavailable, is_down, "nothing"},
    };
    expected = 0;
    server_end(&server);
    server_start(&server, 0, options);
    play(server.url, TIMEOUT_MS, STEPS(steps));
    assert_int_equal(link_ups, 0);
}

static void test_unusable_servers(void **state)
{
    static const char *const password[] = {"--requirepass", "x", NULL};
    static const char *const replica[] = {"--replicaof", "127.0.0.1 1", NULL};
    (void)state;
    stays_down(password);
    stays_down(replica);
}

#define WITH_SERVER(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(test_life_of_attempts), WITH_SERVER(test_server_comes_late),    WITH_SERVER(test_restart),
        WITH_SERVER(test_frozen),           WITH_SERVER(test_freed_with_calls_out), WITH_SERVER(test_unusable_servers),
        WITH_SERVER(test_by_name),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
