/* A real failover: one master, one replica, three sentinels. The master is killed; the blocking client and the link
 * both come back on the promoted replica by themselves. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/redis/link_steps.h"
#include "tests/unit/redis/redis_server.h"

#define SENTINELS  3
#define TIMEOUT_MS 1000
#define STEPS(s)   s, sizeof(s) / sizeof((s)[0])

static struct redis_server master, replica, sentinels[SENTINELS];
static char url[160];

static bool are_ready(void *arg)
{
    (void)arg;
    for (int i = 0; i < SENTINELS; ++i)
        if (strstr(ASK(&sentinels[i], "INFO", "sentinel"), "status=ok,address=127.0.0.1") == NULL ||
            strstr(ASK(&sentinels[i], "INFO", "sentinel"), "slaves=1,sentinels=3") == NULL)
            return false;
    return strstr(ASK(&replica, "INFO", "replication"), "master_link_status:up") != NULL;
}

static int begin(void **state)
{
    static char of[32];
    static const char *const options[] = {"--replicaof", of, NULL};
    size_t n = 0;
    (void)state;
    server_start(&master, server_free_port(), NULL);
    snprintf(of, sizeof(of), "127.0.0.1 %d", master.port);
    server_start(&replica, server_free_port(), options);
    n += (size_t)snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d", server_free_port()); /* nobody is there */
    for (int i = 0; i < SENTINELS; ++i) {
        server_start_sentinel(&sentinels[i], server_free_port(), master.port);
        n += (size_t)snprintf(url + n, sizeof(url) - n, ",127.0.0.1:%d", sentinels[i].port);
    }
    snprintf(url + n, sizeof(url) - n, "/lc/0");
    return wait_until(are_ready, NULL) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < SENTINELS; ++i)
        server_end(&sentinels[i]);
    server_end(&replica);
    server_end(&master);
    return 0;
}

static struct redis_client *client;

static bool can_write(void *arg)
{
    (void)arg;
    return attempts_epoch_begin(client, "e") == 0;
}

static void test_blocking_client(void **state)
{
    struct redis_target *target = NULL;
    char why[256] = "", before[41], after[41];
    (void)state;
    assert_int_equal(redis_target_parse(url, &target, why, sizeof(why)), 0);
    client = redis_client_new(target, TIMEOUT_MS);
    assert_int_equal(redis_client_check(client, why, sizeof(why)), 0);
    assert_true(can_write(NULL));
    assert_int_equal(redis_client_run_id(client, before), 0);
    server_kill(&master);
    assert_false(can_write(NULL));
    assert_true(wait_until(can_write, NULL));
    assert_int_equal(redis_client_run_id(client, after), 0);
    assert_string_not_equal(before, after);
    assert_non_null(strstr(ASK(&replica, "INFO", "replication"), "role:master"));
    redis_client_free(client);
    redis_target_free(target);
}

static void kill_master(void)
{
    server_kill(&master);
}

static void reserve(void)
{
    attempts_reserve(link_under_test, "hash", "0123456789abcdef0123456789abcdef", 1000, on_admission, NULL);
}

static bool is_answered(void)
{
    return answers > 0;
}

static void is_without_epoch(void)
{
    assert_int_equal(last_admission.status, ADMISSION_NO_EPOCH); /* a script ran on the new master */
}

static void test_link(void **state)
{
    static const struct step steps[] = {
        {NULL, is_up, "the link to find the master"},
        {kill_master, is_down, "the link to notice"},
        {NULL, is_up, "the link to find the new master"},
        {reserve, is_answered, "an answer of the new master"},
        {is_without_epoch, NULL, NULL},
    };
    (void)state;
    play(url, TIMEOUT_MS, STEPS(steps));
    assert_int_equal(link_ups, 2);
    assert_int_equal(link_new_servers, 2);
}

#define WITH_SENTINELS(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {WITH_SENTINELS(test_blocking_client), WITH_SENTINELS(test_link)};
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("sentinel", tests, NULL, NULL);
}
