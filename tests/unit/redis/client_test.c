/* The blocking client and admin-api's half of the attempt rules against real servers: time-outs, lost scripts,
 * restarts, what a start refuses. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/redis/attempts.h"
#include "shared/redis/reply.h"
#include "tests/unit/redis/redis_server.h"

#define TIMEOUT_MS 2000
#define ID_A       "0123456789abcdef0123456789abcdef"
#define ID_B       "fedcba9876543210fedcba9876543210"

static struct redis_server server;
static struct redis_target *target;
static struct redis_client *client;

static void use(const char *url, unsigned timeout_ms)
{
    char why[256];
    assert_int_equal(redis_target_parse(url, &target, why, sizeof(why)), 0);
    client = redis_client_new(target, timeout_ms);
    assert_non_null(client);
}

static void drop_client(void)
{
    redis_client_free(client);
    redis_target_free(target);
    client = NULL;
    target = NULL;
}

static int begin(void **state)
{
    (void)state;
    server_start(&server, 0, NULL);
    use(server.url, TIMEOUT_MS);
    return 0;
}

static int end(void **state)
{
    (void)state;
    drop_client();
    server_end(&server);
    return 0;
}

/* The error of one PING, 0 for PONG. */
static int ping(void)
{
    const char *argv[] = {"PING"};
    int err;
    redisReply *r = redis_client_command(client, 1, argv, NULL, &err);
    if (r == NULL)
        return err;
    err = redis_reply_error(r);
    freeReplyObject(r);
    return err;
}

static void test_binary_arguments(void **state)
{
    const char *set[] = {"SET", "k", "a\0b"}, *get[] = {"GET", "k"};
    const size_t lens[] = {3, 1, 3};
    int err;
    (void)state;
    freeReplyObject(redis_client_command(client, 3, set, lens, &err));
    redisReply *r = redis_client_command(client, 2, get, NULL, &err);
    assert_non_null(r);
    assert_true(r->len == 3 && memcmp(r->str, "a\0b", 3) == 0);
    freeReplyObject(r);
}

static void test_timeout(void **state)
{
    (void)state;
    drop_client();
    use(server.url, 100);
    assert_int_equal(ping(), 0);
    server_signal(&server, SIGSTOP);
    assert_int_equal(ping(), -ETIMEDOUT);
    server_signal(&server, SIGCONT);
    assert_int_equal(ping(), 0); /* on a connection of its own: no late answer is taken for another's */
}

static void test_restart(void **state)
{
    char before[41], after[41];
    (void)state;
    assert_int_equal(redis_client_run_id(client, before), 0);
    server_kill(&server);
    assert_true(ping() < 0);
    server_again(&server);
    assert_int_equal(ping(), 0);
    server_kill(&server);
    server_again(&server);
    assert_int_equal(ping(), 0); /* the connection to the one before is not asked */
    assert_int_equal(redis_client_run_id(client, after), 0);
    assert_string_not_equal(before, after);
}

static void test_nobody_there(void **state)
{
    char url[64];
    (void)state;
    drop_client();
    use("unix:///tmp/lc-redis-nothing/r.sock", TIMEOUT_MS);
    assert_int_equal(ping(), -ENOENT);
    drop_client();
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", server_free_port());
    use(url, TIMEOUT_MS);
    assert_int_equal(ping(), -ECONNREFUSED);
}

static void test_scripts_are_loaded(void **state)
{
    const char *argv[] = {"1", ID_A};
    int err;
    (void)state;
    for (int i = 0; i < 2; ++i) {
        redisReply *r = redis_client_script(client, REDIS_SCRIPT_is_open, 2, argv, &err);
        assert_non_null(r);
        assert_int_equal(r->type, REDIS_REPLY_INTEGER);
        freeReplyObject(r);
        assert_string_equal(ASK(&server, "SCRIPT", "FLUSH"), "OK");
    }
    for (int i = 0; i < REDIS_SCRIPT_COUNT; ++i) { /* the id that the build made is the one Redis makes */
        const char *sha = ASK(&server, "SCRIPT", "LOAD", redis_script_text((enum redis_script)i));
        assert_string_equal(sha, redis_script_sha((enum redis_script)i));
    }
}

static void test_subscription(void **state)
{
    const char *argv[] = {"SUBSCRIBE", ATTEMPTS_WAKE};
    int err;
    (void)state;
    assert_null(redis_client_wait(client, 1, &err));
    assert_int_equal(err, -ENOTCONN);
    freeReplyObject(redis_client_command(client, 2, argv, NULL, &err));
    assert_null(redis_client_wait(client, 1, &err));
    assert_int_equal(err, -ETIMEDOUT);
    assert_string_equal(ASK(&server, "PUBLISH", ATTEMPTS_WAKE, "now"), "1"); /* still subscribed */
    redisReply *r = redis_client_wait(client, TIMEOUT_MS, &err);
    assert_non_null(r);
    assert_string_equal(redis_reply_text(r, 2), "now");
    freeReplyObject(r);
    server_kill(&server);
    assert_null(redis_client_wait(client, TIMEOUT_MS, &err));
    assert_int_equal(err, -EPIPE);
}

static void test_credentials_and_database(void **state)
{
    static const char *const options[] = {"--requirepass", "p@ss", NULL};
    char url[160];
    (void)state;
    server_end(&server);
    server_start(&server, 0, options);
    assert_int_equal(ping(), -ENOENT); /* the other one is gone */
    drop_client();
    use(server.url, TIMEOUT_MS);
    assert_int_equal(ping(), -EACCES);
    drop_client();
    snprintf(url, sizeof(url), "unix://:wrong@%s", server.socket);
    use(url, TIMEOUT_MS);
    assert_int_equal(ping(), -EACCES);
    drop_client();
    snprintf(url, sizeof(url), "unix://default:p%%40ss@%s?db=3", server.socket);
    use(url, TIMEOUT_MS);
    assert_int_equal(attempts_epoch_begin(client, "e"), 0);
    assert_int_equal(attempts_epoch_set(client, "e"), 0);
    assert_string_equal(ASK(&server, "PING"), "NOAUTH Authentication required.");
    const char *argv[] = {"INFO", "keyspace"};
    int err;
    redisReply *r = redis_client_command(client, 2, argv, NULL, &err);
    assert_non_null(strstr(r->str, "db3:keys=1"));
    freeReplyObject(r);
}

/* --- what a start must know --- */

static void test_check(void **state)
{
    char why[256] = "";
    (void)state;
    assert_int_equal(redis_client_check(client, why, sizeof(why)), 0);
    assert_string_equal(why, "");
    assert_string_equal(ASK(&server, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru"), "OK");
    assert_int_equal(redis_client_check(client, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "noeviction"));
    server_kill(&server);
    assert_true(redis_client_check(client, why, sizeof(why)) < 0);
    assert_non_null(strstr(why, "REDIS_URL"));
}

static void test_cluster_is_refused(void **state)
{
    static const char *const options[] = {"--cluster-enabled", "yes", NULL};
    struct redis_server cluster;
    char why[256] = "";
    (void)state;
    server_start(&cluster, server_free_port(), options);
    drop_client();
    use(cluster.url, TIMEOUT_MS);
    assert_int_equal(redis_client_check(client, why, sizeof(why)), -ENOTSUP);
    assert_non_null(strstr(why, "Redis Cluster is not supported"));
    server_end(&cluster);
}

static void test_replica(void **state)
{
    static char port[8];
    static const char *const options[] = {"--replicaof", "127.0.0.1 1",
                                          NULL}; /* nobody there: a replica all the same */
    struct redis_server replica;
    (void)state;
    snprintf(port, sizeof(port), "%d", server_free_port());
    server_start(&replica, 0, options);
    drop_client();
    use(replica.url, TIMEOUT_MS);
    assert_int_equal(attempts_epoch_begin(client, "e"), -EAGAIN);
    server_end(&replica);
}

/* --- admin-api's half of the attempt rules --- */

static const char *const none[] = {NULL};

static struct projection row(int64_t rev, int64_t attempts)
{
    return (struct projection){.ticket_id = 7,
                               .number = 2004,
                               .attempts = attempts,
                               .max_bytes = 1000,
                               .expires_ms = 4102444800000,
                               .rev = rev,
                               .token_hash = "hash",
                               .platform = "android",
                               .filed = none,
                               .unfiled = none,
                               .freed_names = none,
                               .taken_names = none};
}

static void assert_field(const char *field, const char *expected)
{
    assert_string_equal(ASK(&server, "HGET", "lc:{7}:ticket", field), expected);
}

static void test_project(void **state)
{
    struct projection p = row(3, 5);
    (void)state;
    assert_int_equal(attempts_project(client, &p), 0);
    static const char *const fields[][2] = {{"h", "hash"},     {"number", "2004"},    {"platform", "android"},
                                            {"attempts", "5"}, {"max_bytes", "1000"}, {"expires_ms", "4102444800000"},
                                            {"resolved", "0"}, {"rev", "3"}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); ++i)
        assert_field(fields[i][0], fields[i][1]);
    assert_string_equal(ASK(&server, "GET", "lc:tok:{hash}"), "7");

    struct projection older = row(2, 9); /* an older reading that comes late changes nothing */
    assert_int_equal(attempts_project(client, &older), 0);
    assert_field("attempts", "5");

    struct projection rotated = row(4, 5);
    rotated.token_hash = "other";
    rotated.old_token_hash = "hash";
    assert_int_equal(attempts_project(client, &rotated), 0);
    assert_string_equal(ASK(&server, "GET", "lc:tok:{hash}"), "(nil)");
    assert_string_equal(ASK(&server, "GET", "lc:tok:{other}"), "7");

    struct projection gone = {.ticket_id = 7, .rev = 5, .gone = 1, .token_hash = "other"};
    assert_int_equal(attempts_project(client, &gone), 0);
    assert_string_equal(ASK(&server, "GET", "lc:tok:{other}"), "(nil)");
    assert_int_equal(attempts_project(client, &rotated), 0); /* stays deleted whatever comes later */
    assert_string_equal(ASK(&server, "GET", "lc:tok:{other}"), "(nil)");
    assert_field("gone", "1");
}

/* What became of it, by which a Redis of another database is recognised. */
static void test_project_fate(void **state)
{
    struct projection p = row(3, 5), older = row(2, 5), gone = {.ticket_id = 7, .rev = 4, .gone = 1};
    enum projection_fate fate;
    (void)state;
    assert_int_equal(attempts_project_fate(client, &p, &fate), 0);
    assert_int_equal(fate, PROJECTION_NEWER);
    assert_int_equal(attempts_project_fate(client, &older, &fate), 0);
    assert_int_equal(fate, PROJECTION_OLDER);
    assert_int_equal(attempts_project(client, &gone), 0);
    assert_int_equal(attempts_project_fate(client, &p, &fate), 0);
    assert_int_equal(fate, PROJECTION_GONE);
}

static void test_lineage(void **state)
{
    struct lineage l = {.name = "ours", .told = 3}, got;
    (void)state;
    assert_int_equal(attempts_lineage_get(client, &got), -ENOENT);
    assert_int_equal(attempts_lineage_set(client, &l, 0), 0); /* goes on in none */
    assert_int_equal(attempts_lineage_get(client, &got), -ENOENT);
    assert_int_equal(attempts_lineage_set(client, &l, 1), 0);
    assert_int_equal(attempts_lineage_set(client, &(struct lineage){.name = "theirs", .told = 9}, 0), 0);
    assert_int_equal(attempts_lineage_set(client, &(struct lineage){.name = "ours", .told = 2}, 0), 0);
    assert_int_equal(attempts_lineage_get(client, &got), 0);
    assert_string_equal(got.name, "ours");
    assert_int_equal(got.told, 3);
    assert_int_equal(attempts_lineage_set(client, &(struct lineage){.name = "ours", .told = 4}, 0), 0);
    assert_int_equal(attempts_lineage_get(client, &got), 0);
    assert_int_equal(got.told, 4);
}

static void test_project_lists(void **state)
{
    static const char *const unfiled[] = {ID_A, "a.log", ID_B, "b.log"}, *const filed[] = {ID_A};
    static const char *const taken[] = {"old.log"}, *const freed[] = {"old.log", "b.log"}, *const kept[] = {"a.log"};
    struct projection p = row(1, 5);
    (void)state;
    p.unfiled = unfiled;
    p.unfiled_count = 4;
    p.taken_names = taken;
    p.taken_count = 1;
    assert_int_equal(attempts_project(client, &p), 0);
    assert_string_equal(ASK(&server, "ZCARD", "lc:{7}:done"), "2");
    assert_string_equal(ASK(&server, "HLEN", "lc:{7}:names"), "5");
    assert_string_equal(ASK(&server, "HGET", "lc:{7}:names", "b.log"), ID_B);
    p = row(2, 4);
    p.filed = filed;
    p.filed_count = 1;
    p.freed_names = freed;
    p.freed_count = 2;
    p.taken_names = kept;
    p.taken_count = 1;
    assert_int_equal(attempts_project(client, &p), 0);
    assert_string_equal(ASK(&server, "ZSCORE", "lc:{7}:done", ID_A), "(nil)");
    assert_string_equal(ASK(&server, "ZCARD", "lc:{7}:done"), "1");
    assert_string_equal(ASK(&server, "HLEN", "lc:{7}:names"), "3"); /* the unfiled one keeps its own */
    assert_string_equal(ASK(&server, "HGET", "lc:{7}:names", "a.log"), "");
    assert_string_equal(ASK(&server, "HGET", "lc:{7}:names", "b.log"), ID_B);
    assert_string_equal(ASK(&server, "HGET", "lc:{7}:names", "/" ID_B), "b.log");
}

/* Where the taken names are all, others are free again, but for those of uploads still to be filed. */
static void test_project_all_names(void **state)
{
    static const char *const kept[] = {"a.log"}, *const unfiled[] = {ID_B, "coming.log"},
                             *const late[] = {ID_A, "coming.log"};
    struct projection p = row(2, 4);
    (void)state;
    p.unfiled = unfiled;
    p.unfiled_count = 2;
    assert_int_equal(attempts_project(client, &p), 0);
    p.unfiled = late; /* whoever has the name keeps it */
    assert_int_equal(attempts_project(client, &p), 0);
    assert_string_equal(ASK(&server, "HGET", "lc:{7}:names", "coming.log"), ID_B);
    p.unfiled_count = 0;
    ASK(&server, "HSET", "lc:{7}:names", "lost.log", "");
    p.taken_names = kept;
    p.taken_count = 1;
    p.taken_are_all = 1;
    p.rev = 1; /* older than what is there: its word on names does not count */
    assert_int_equal(attempts_project(client, &p), 0);
    assert_string_equal(ASK(&server, "HEXISTS", "lc:{7}:names", "lost.log"), "1");
    p.rev = 3;
    assert_int_equal(attempts_project(client, &p), 0);
    assert_string_equal(ASK(&server, "HEXISTS", "lc:{7}:names", "lost.log"), "0");
    assert_string_equal(ASK(&server, "HEXISTS", "lc:{7}:names", "a.log"), "1");
    assert_string_equal(ASK(&server, "HEXISTS", "lc:{7}:names", "coming.log"), "1");
    assert_string_equal(ASK(&server, "HEXISTS", "lc:{7}:names", "/" ID_B), "1");
}

static void test_reconcile(void **state)
{
    static const char *const unfiled[] = {ID_A, "a.log"};
    struct projection p = row(1, 5);
    char **ids = NULL;
    size_t count = 9;
    (void)state;
    p.unfiled = unfiled;
    p.unfiled_count = 2;
    assert_int_equal(attempts_project(client, &p), 0);
    assert_int_equal(attempts_stale_done(client, 7, 600000, &ids, &count), 0);
    assert_int_equal(count, 0);
    free(ids);
    assert_int_equal(attempts_stale_done(client, 7, 0, &ids, &count), 0);
    assert_int_equal(count, 1);
    assert_string_equal(ids[0], ID_A);
    free(ids[0]);
    free(ids);
    assert_int_equal(attempts_forget_done(client, 7, ID_A), 0);
    assert_int_equal(attempts_forget_done(client, 7, ID_A), 0);
    assert_string_equal(ASK(&server, "ZCARD", "lc:{7}:done"), "0");
    assert_int_equal(attempts_is_open(client, 7, ID_A), 0);
    ASK(&server, "ZADD", "lc:{7}:open", "99999999999999", ID_A);
    assert_int_equal(attempts_is_open(client, 7, ID_A), 1);
}

static void test_epoch(void **state)
{
    char epoch[64];
    (void)state;
    assert_int_equal(attempts_epoch_get(client, epoch), -ENOENT);
    assert_int_equal(attempts_epoch_set(client, "e0"), -ESTALE); /* nothing was begun */
    assert_int_equal(attempts_epoch_begin(client, "e1"), 0);
    assert_int_equal(attempts_epoch_get(client, epoch), -ENOENT);
    assert_int_equal(attempts_epoch_begin(client, "e2"), 0); /* another process does the same */
    assert_int_equal(attempts_epoch_set(client, "e1"), 0);
    assert_int_equal(attempts_epoch_get(client, epoch), 0);
    assert_string_equal(epoch, "e1");
    assert_string_equal(ASK(&server, "TTL", "lc:epoch"), "-1");
    assert_int_equal(attempts_epoch_set(client, "e2"), 0); /* everything is projected already */
    assert_int_equal(attempts_epoch_get(client, epoch), 0);
    assert_string_equal(epoch, "e1");
    assert_string_equal(ASK(&server, "DBSIZE"), "1");
    assert_int_equal(attempts_epoch_begin(client, "e3"), 0);
    ASK(&server, "FLUSHALL");                                /* it forgets in the middle of a projection */
    assert_int_equal(attempts_epoch_begin(client, "e4"), 0); /* the other one begins anew */
    assert_int_equal(attempts_epoch_set(client, "e3"), -ESTALE);
    assert_int_equal(attempts_epoch_get(client, epoch), -ENOENT);
    assert_int_equal(attempts_epoch_set(client, "e4"), 0);
}

static void test_clear(void **state)
{
    char key[32];
    (void)state;
    for (int i = 0; i < 1500; ++i) {
        snprintf(key, sizeof(key), "lc:{%d}:ticket", i);
        const char *argv[] = {"HSET", key, "rev", "1"};
        int err;
        freeReplyObject(redis_client_command(client, 4, argv, NULL, &err));
    }
    ASK(&server, "SET", "another:key", "x");
    assert_int_equal(attempts_clear(client), 0);
    assert_string_equal(ASK(&server, "DBSIZE"), "1");
    assert_string_equal(ASK(&server, "GET", "another:key"), "x");
}

static void test_out_of_memory(void **state)
{
    struct projection p = row(1, 5);
    (void)state;
    ASK(&server, "CONFIG", "SET", "maxmemory", "1");
    assert_int_equal(attempts_project(client, &p), -ENOMEM);
    ASK(&server, "CONFIG", "SET", "maxmemory", "0");
    assert_int_equal(attempts_project(client, &p), 0);
}

#define WITH_SERVER(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(test_binary_arguments),
        WITH_SERVER(test_timeout),
        WITH_SERVER(test_restart),
        WITH_SERVER(test_nobody_there),
        WITH_SERVER(test_scripts_are_loaded),
        WITH_SERVER(test_subscription),
        WITH_SERVER(test_credentials_and_database),
        WITH_SERVER(test_check),
        WITH_SERVER(test_cluster_is_refused),
        WITH_SERVER(test_replica),
        WITH_SERVER(test_project),
        WITH_SERVER(test_project_lists),
        WITH_SERVER(test_project_fate),
        WITH_SERVER(test_lineage),
        WITH_SERVER(test_project_all_names),
        WITH_SERVER(test_reconcile),
        WITH_SERVER(test_epoch),
        WITH_SERVER(test_clear),
        WITH_SERVER(test_out_of_memory),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
