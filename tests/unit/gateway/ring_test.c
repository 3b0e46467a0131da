/* Sink and ring together: whatever the pieces and the ways into the file, it holds every byte, at its end and at every
 * checkpoint; refused direct writes lose nothing, and failed ones are known. */
#include "services/upload-gw/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "services/upload-gw/fast.h"
#include "services/upload-gw/metrics.h"

#define BLOCK   ((size_t)2 << 20)
#define LONGEST ((size_t)9 << 20)
#define ROUNDS  60

static char directory[] = "ring-XXXXXX";
static struct spool *spool;
static struct ring *ring;
static char *content, *memory;
static uint64_t seed = UINT64_C(0x2545f4914f6cdd1d);

static size_t draw(size_t below) /* xorshift */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed >> 11) % below;
}

static void begin(struct sink *s, char id[SPOOL_ID_SIZE], int64_t expected)
{
    static const _Atomic int64_t promised;
    assert_int_equal(spool_make_id(id), 0);
    sink_init(s, spool, id, INT64_MAX, 0, &promised, expected);
}

static void settle(struct sink *s)
{
    while (s->writing > 0)
        (void)ring_reap(ring, true);
}

/* As the receiver does it, with less than a block. `skew` puts the memory where direct writes cannot be from. */
static enum gateway_error put(struct sink *s, const char *data, size_t len, bool direct, size_t skew)
{
    struct stage stage = {.base = memory, .size = BLOCK};
    while (direct && (stage.base = ring_block(ring)) == NULL)
        (void)ring_reap(ring, true);
    sink_stage(s, &stage, direct);
    stage.begin += skew;
    enum gateway_error e = sink_write(s, data, len);
    assert_int_equal(e, GATEWAY_OK);
    digest_update(&s->digest, data, len);
    e = direct ? ring_store(ring, s, &stage) : sink_store(s, &stage);
    s->stage = NULL;
    return e;
}

static void assert_holds(const char *id, size_t len, bool whole)
{
    int fd = spool_reopen(spool, id);
    struct stat st;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(whole ? st.st_size == (off_t)len : st.st_size >= (off_t)len);
    char *found = malloc(len + 1);
    assert_int_equal(pread(fd, found, len, 0), len);
    assert_memory_equal(found, content, len);
    free(found);
    close(fd);
}

static void assert_digest(const struct sink *s, size_t len)
{
    unsigned char alone[DIGEST_SIZE];
    struct digest d;
    digest_init(&d);
    digest_update(&d, content, len);
    digest_final(&d, alone);
    assert_memory_equal(alone, s->sha256, DIGEST_SIZE);
}

static size_t some_length(size_t left)
{
    size_t most = draw(3) == 0 ? 5000 : BLOCK - DIRECT_ALIGN - DIRECT_ALIGN;
    size_t len = 1 + draw(most);
    return len < left ? len : left;
}

static void play(size_t len, unsigned directs)
{
    struct sink s;
    char id[SPOOL_ID_SIZE];
    begin(&s, id, draw(2) == 0 ? (int64_t)len : -1);
    for (size_t at = 0; at < len;) {
        size_t piece = some_length(len - at);
        assert_int_equal(put(&s, content + at, piece, draw(4) < directs, 0), GATEWAY_OK);
        at += piece;
        assert_int_equal(s.size, at);
        if (draw(6) == 0 || at == len)
            settle(&s);
        if (draw(8) == 0) { /* a checkpoint */
            settle(&s);
            assert_int_equal(sink_complete(&s, false), GATEWAY_OK);
            assert_holds(id, at, false);
        }
    }
    assert_int_equal(sink_finish(&s), GATEWAY_OK);
    assert_holds(id, len, true);
    assert_digest(&s, len);
    assert_int_equal(spool_discard(spool, id), 0);
}

static void test_every_byte(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; ++i)
        play(1 + draw(draw(4) == 0 ? 10000 : LONGEST), i % 5);
}

static void test_resumed_anywhere(void **state)
{
    static const size_t cuts[] = {1, 4095, 4096, 4097, 700001};
    (void)state;
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); ++i) {
        struct sink s, next;
        char id[SPOOL_ID_SIZE];
        begin(&s, id, -1);
        assert_int_equal(put(&s, content, cuts[i], true, 0), GATEWAY_OK);
        settle(&s);
        assert_int_equal(sink_complete(&s, false), GATEWAY_OK);
        assert_int_equal(sink_close(&s), GATEWAY_OK);
        next = s;
        sink_resume(&next, (int64_t)cuts[i]);
        assert_int_equal(put(&next, content + cuts[i], 1000000, true, 0), GATEWAY_OK);
        settle(&next);
        assert_int_equal(sink_complete(&next, true), GATEWAY_OK);
        assert_holds(id, cuts[i] + 1000000, true);
        assert_int_equal(sink_close(&next), GATEWAY_OK);
        assert_int_equal(spool_discard(spool, id), 0);
    }
}

/* What the kernel refuses to take directly goes through the page cache, and so does all that follows. */
static void test_refused_in_the_middle(void **state)
{
    struct sink s;
    char id[SPOOL_ID_SIZE];
    (void)state;
    int64_t before = gateway_metrics[GATEWAY_METRIC_DIRECT_REFUSED];
    begin(&s, id, 3000000);
    assert_int_equal(put(&s, content, 1000000, true, 0), GATEWAY_OK);
    assert_int_equal(put(&s, content + 1000000, 1000000, true, 0), GATEWAY_OK);
    settle(&s);
    assert_false(s.no_direct);
    assert_int_equal(sink_complete(&s, false), GATEWAY_OK);
    size_t at = 2000000, head = DIRECT_ALIGN - at % DIRECT_ALIGN;
    assert_int_equal(put(&s, content + at, head, false, 0), GATEWAY_OK);
    assert_int_equal(put(&s, content + at + head, 900000, true, 1), GATEWAY_OK); /* not aligned in memory */
    settle(&s);
    assert_true(s.no_direct);
    assert_int_equal(gateway_metrics[GATEWAY_METRIC_DIRECT_REFUSED], before + 1);
    at += head + 900000;
    assert_int_equal(put(&s, content + at, 3000000 - at, true, 0), GATEWAY_OK);
    settle(&s);
    assert_int_equal(sink_finish(&s), GATEWAY_OK);
    assert_holds(id, 3000000, true);
    assert_digest(&s, 3000000);
    assert_int_equal(spool_discard(spool, id), 0);
}

static void test_failed_writes_are_known(void **state)
{
    struct rlimit limit, small = {.rlim_cur = 1 << 20};
    struct sink s;
    char id[SPOOL_ID_SIZE];
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small.rlim_max = limit.rlim_max;
    begin(&s, id, -1);
    assert_int_equal(put(&s, content, 500000, true, 0), GATEWAY_OK);
    settle(&s);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum gateway_error e = put(&s, content + 500000, 1900000, true, 0);
    settle(&s);
    e = e == GATEWAY_OK ? s.fault : e; /* the first part may have been written: a short write */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(e, GATEWAY_STORAGE);
    assert_int_equal(s.fault, GATEWAY_STORAGE);
    assert_int_equal(s.error, EFBIG);
    sink_discard(&s);
}

static void test_memory_decides(void **state)
{
    struct fast *f = NULL;
    const char *why = NULL;
    struct ring *taken[3];
    (void)state;
    assert_int_equal(fast_new(FAST_OFF, spool, FAST_LEAST_MEMORY, 2, &f, &why), -ECANCELED);
    assert_string_equal(why, "GATEWAY_FAST_LANE is off");
    assert_int_equal(fast_new(FAST_ALWAYS, spool, 3 * FAST_LEAST_MEMORY, 2, &f, &why), 0);
    assert_int_equal(fast_rings(f), 2);
    for (size_t i = 0; i < 2; ++i) {
        taken[i] = fast_take(f);
        assert_int_equal(ring_block_size(taken[i]), BLOCK);
    }
    assert_null(fast_take(f));
    fast_give(f, taken[0]);
    fast_give(f, taken[1]);
    fast_free(f);
    assert_int_equal(fast_new(FAST_ALWAYS, spool, FAST_LEAST_MEMORY, 2, &f, &why), 0);
    assert_int_equal(fast_rings(f), 1);
    fast_free(f);
}

static int set_up(void **state)
{
    (void)state;
    content = malloc(LONGEST);
    memory = malloc(BLOCK);
    for (size_t i = 0; i < LONGEST; ++i)
        content[i] = (char)draw(256);
    if (mkdtemp(directory) == NULL || spool_open(directory, &spool) < 0)
        return -1;
    int err = ring_new(BLOCK, &ring);
    if (err < 0)
        print_message("no io_uring here: %s\n", strerror(-err));
    return 0;
}

static int tear_down(void **state)
{
    char command[64];
    (void)state;
    ring_free(ring);
    spool_close(spool);
    free(content);
    free(memory);
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command) == 0 ? 0 : -1;
}

/* A container's seccomp rule may forbid io_uring: nothing to test there. */
static int need_ring(void **state)
{
    (void)state;
    if (ring == NULL)
        skip();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_every_byte, need_ring),
                                       cmocka_unit_test_setup(test_resumed_anywhere, need_ring),
                                       cmocka_unit_test_setup(test_refused_in_the_middle, need_ring),
                                       cmocka_unit_test_setup(test_failed_writes_are_known, need_ring),
                                       cmocka_unit_test_setup(test_memory_decides, need_ring)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
