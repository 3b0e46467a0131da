/* Claim, scan, write down; see scanner.h. */
#include "services/admin-api/scan/scanner.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "services/admin-api/metrics.h"
#include "services/admin-api/scan/clamd.h"
#include "services/admin-api/scan/statements.h"
#include "services/admin-api/security/audit.h"
#include "services/admin-api/storage/storage.h"
#include "shared/clock/clock.h"
#include "shared/db/db.h"
#include "shared/http/filename.h"
#include "shared/log/log.h"

#define IDLE_MS  1000
#define STEP_MS  100
#define LEASE_US INT64_C(60000000)
#define RENEW_US INT64_C(20000000)
#define LOOK_US  INT64_C(1000000)
#define LATER_US INT64_C(300000000)   /* an archive that the disk refused waits, others have their turn */
#define MOST_US  INT64_C(21600000000) /* so long waits one that clamd failed on at the most */
#define PING_MS  10000                /* clamd answers it beside its scans, however long these take */

struct scanner {
    const struct admin *admin;
    pthread_t thread;
    atomic_bool stopping;
    int failing; /* the last error of all: its change is one line in the log */
    int64_t looked_us;
};

struct scanned {
    struct scanner *scanner;
    int64_t id, size, number, due, attempts, renewed_us;
    char upload_id[STORAGE_ID_SIZE], name[FILENAME_SIZE];
};

/* --- claiming --- */

static int read_next(const struct db_rows *row, void *arg)
{
    struct scanned *a = arg;
    a->id = db_int(row, 0);
    snprintf(a->upload_id, sizeof(a->upload_id), "%s", db_text(row, 1));
    a->size = db_int(row, 2);
    snprintf(a->name, sizeof(a->name), "%s", db_text(row, 3));
    a->number = db_int(row, 4);
    a->due = db_int(row, 5);
    a->attempts = db_int(row, 6);
    return 0;
}

/* 1: claimed, 0: there is none, negative. */
static int claim(struct scanner *s, struct scanned *a)
{
    struct db_conn *c;
    int64_t now = clock_now_us();
    int err = db_acquire(s->admin->db, &c);
    if (err < 0)
        return err;
    err = db_one(c, read_next, a, scan_statement(NEXT), now);
    if (err == 1)
        err = (int)db_exec(c, scan_statement(CLAIM), a->id, a->upload_id, now, now + LEASE_US);
    db_release(c);
    a->renewed_us = now;
    return err;
}

/* Nobody looks at it before `due`. What cannot be written now is the lease's to mend. */
static void put_off(struct scanned *a, int64_t due)
{
    struct db_conn *c;
    if (db_acquire(a->scanner->admin->db, &c) < 0)
        return;
    if (db_exec(c, scan_statement(KEEP), a->id, a->upload_id, due, a->attempts) < 0)
        log_debug("scan.lease", LOG_S("upload_id", a->upload_id));
    db_release(c);
}

/* --- writing down --- */

static const struct {
    const char *word;
    enum admin_metric metric;
} verdicts[] = {
    [CLAMD_CLEAN] = {"clean", ADMIN_METRIC_SCANS_CLEAN},
    [CLAMD_INFECTED] = {"infected", ADMIN_METRIC_SCANS_INFECTED},
    [CLAMD_TOO_LARGE] = {"skipped", ADMIN_METRIC_SCANS_SKIPPED},
    [CLAMD_GIVEN_UP] = {"skipped", ADMIN_METRIC_SCANS_GIVEN_UP},
};

struct finding {
    const struct scanned *archive;
    const struct clamd_answer *answer;
};

static int write_finding(struct db_conn *c, void *arg)
{
    const struct finding *f = arg;
    const struct scanned *a = f->archive;
    char object[FILENAME_SIZE + 24];
    bool infected = f->answer->verdict == CLAMD_INFECTED;
    const struct audit_event event = {
        .actor = "system", .action = "archive.infected", .object = object, .outcome = AUDIT_OK};
    int64_t n = db_exec(c, scan_statement(DONE), a->id, a->upload_id, verdicts[f->answer->verdict].word,
                        infected ? f->answer->text : NULL);
    snprintf(object, sizeof(object), "%lld/%s", (long long)a->number, a->name);
    return n < 1 || !infected ? (int)n : audit_write(c, &event, clock_now_us());
}

static void tell(const struct scanned *a, const struct clamd_answer *answer)
{
    metric_add(&admin_metrics[verdicts[answer->verdict].metric], 1);
    if (answer->verdict == CLAMD_INFECTED)
        log_warn("scan.infected", LOG_S("upload_id", a->upload_id), LOG_I("ticket", a->number),
                 LOG_S("found", answer->text));
    else if (answer->verdict == CLAMD_GIVEN_UP)
        log_error("scan.given_up", LOG_S("upload_id", a->upload_id), LOG_I("ticket", a->number),
                  LOG_I("attempts", a->attempts),
                  LOG_S("why", "clamd answers, and failed on it each time; a start tries anew"));
    else
        log_info("scan.done", LOG_S("upload_id", a->upload_id), LOG_S("scan", verdicts[answer->verdict].word));
}

static int write_down(struct scanned *a, const struct clamd_answer *answer)
{
    struct finding f = {.archive = a, .answer = answer};
    struct db_conn *c;
    int err = db_acquire(a->scanner->admin->db, &c);
    if (err < 0)
        return err;
    err = db_transaction(c, write_finding, &f);
    db_release(c);
    if (err < 0)
        return err;
    tell(a, answer);
    return 0;
}

/* --- looking at all that wait --- */

static int read_int(const struct db_rows *row, void *arg)
{
    *(int64_t *)arg = db_int(row, 0);
    return 0;
}

/* 1: one that is too large waits, 0: there is none, negative. */
static int count_waiting(struct scanner *s, struct scanned *large)
{
    struct db_conn *c;
    int64_t waiting = 0;
    int err = db_acquire(s->admin->db, &c);
    if (err < 0)
        return err;
    err = db_one(c, read_int, &waiting, scan_statement(WAITING));
    if (err >= 0)
        err = db_one(c, read_next, large, scan_statement(TOO_LARGE), s->admin->config->clamd_max_size);
    db_release(c);
    metric_set(&admin_metrics[ADMIN_METRIC_SCANS_WAITING], waiting);
    return err;
}

/* About every second, within a scan too: what is too large needs no scanner, and so waits for nobody's. */
static int survey(struct scanner *s)
{
    static const struct clamd_answer too_large = {.verdict = CLAMD_TOO_LARGE};
    int64_t now = clock_now_us();
    int err = 1;
    if (now >= s->looked_us && now - s->looked_us < LOOK_US)
        return 0;
    s->looked_us = now;
    while (err == 1) {
        struct scanned large = {.scanner = s};
        err = count_waiting(s, &large);
        if (err == 1)
            err = write_down(&large, &too_large) == 0 && !atomic_load(&s->stopping);
    }
    return err;
}

static bool go_on(void *arg)
{
    struct scanned *a = arg;
    int64_t now = clock_now_us();
    (void)survey(a->scanner); /* what cannot be looked at now is by the next turn */
    if (now - a->renewed_us > RENEW_US) {
        a->renewed_us = now;
        put_off(a, now + LEASE_US);
    }
    return !atomic_load(&a->scanner->stopping);
}

/* --- scanning --- */

/* Before each: what fails between an answer and the next is not clamd away, and is the archive's own. */
static int ask(struct scanned *a)
{
    const struct admin_config *config = a->scanner->admin->config;
    const struct clamd_job job = {.where = config->clamd_socket,
                                  .timeout_ms = config->clamd_timeout < PING_MS ? config->clamd_timeout : PING_MS,
                                  .fd = -1,
                                  .go_on = go_on,
                                  .arg = a};
    int err = clamd_ping(&job);
    if (err != -ECANCELED)
        metric_set(&admin_metrics[ADMIN_METRIC_CLAMD_UP], err == 0);
    return err;
}

static int scan_file(struct scanned *a, struct clamd_answer *answer)
{
    const struct admin_config *config = a->scanner->admin->config;
    int64_t size;
    *answer = (struct clamd_answer){.verdict = CLAMD_TOO_LARGE};
    if (a->size > config->clamd_max_size)
        return 0;
    int fd = storage_open_archive(a->scanner->admin->storage, a->upload_id, &size);
    if (fd < 0)
        return -EIO;
    const struct clamd_job job = {
        .where = config->clamd_socket, .timeout_ms = config->clamd_timeout, .fd = fd, .go_on = go_on, .arg = a};
    int err = clamd_scan(&job, answer);
    close(fd);
    return err;
}

/* Twice as long after each failure. */
static int64_t pause_us(const struct scanned *a)
{
    int64_t pause = a->scanner->admin->config->clamd_retry * 1000;
    for (int64_t i = 1; i < a->attempts && pause < MOST_US; ++i)
        pause *= 2;
    return pause < MOST_US ? pause : MOST_US;
}

/* An archive's own failure: it goes behind the others. One that cannot be read is not clamd's to give up. */
static void fail(struct scanned *a, int err, const struct clamd_answer *answer)
{
    static const struct clamd_answer given_up = {.verdict = CLAMD_GIVEN_UP};
    bool unread = err == -EIO;
    a->attempts += !unread;
    ADMIN_COUNT(SCAN_ERRORS);
    log_warn("scan.failed", LOG_S("upload_id", a->upload_id), LOG_E(err), LOG_I("attempts", a->attempts),
             LOG_S("why", answer->text[0] != '\0' ? answer->text : NULL));
    if (unread || a->attempts < a->scanner->admin->config->clamd_attempts || write_down(a, &given_up) < 0)
        put_off(a, clock_now_us() + (unread ? LATER_US : pause_us(a)));
}

static int deal_with(struct scanned *a)
{
    struct clamd_answer answer;
    int err = scan_file(a, &answer);
    if (err == 0)
        return write_down(a, &answer);
    if (err == -ECANCELED)
        return err;
    fail(a, err, &answer);
    return 0;
}

/* 1: one was dealt with, 0: there was none, negative: try again later. */
static int turn(struct scanner *s)
{
    struct scanned a = {.scanner = s};
    int err = survey(s);
    if (err == 0)
        err = claim(s, &a);
    if (err < 1)
        return err;
    err = ask(&a);
    if (err == 0)
        err = deal_with(&a);
    if (err == 0)
        return 1;
    put_off(&a, a.due);
    if (err != -ECANCELED)
        ADMIN_COUNT(SCAN_ERRORS);
    return err;
}

static void note(struct scanner *s, int err)
{
    if (err == s->failing || err == -ECANCELED)
        return;
    s->failing = err;
    if (err < 0)
        log_error("scan.failing", LOG_E(err),
                  LOG_S("why", "archives stay pending; is clamd at CLAMD_SOCKET, and may this user connect to it?"));
    else
        log_info("scan.recovered");
}

static void rest(const struct scanner *s)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    for (int i = 0; i < IDLE_MS / STEP_MS && !atomic_load(&s->stopping); ++i)
        nanosleep(&step, NULL);
}

/* What was skipped for want of a scanner, or by a lower limit, behind what arrives. */
static int take_up_skipped(struct scanner *s)
{
    struct db_conn *c;
    int64_t n, count = 0;
    int err = db_acquire(s->admin->db, &c);
    if (err < 0)
        return err;
    do {
        n = db_exec(c, scan_statement(AGAIN), s->admin->config->clamd_max_size, clock_now_us());
        count += n > 0 ? n : 0;
    } while (n > 0 && !atomic_load(&s->stopping));
    db_release(c);
    if (count > 0)
        log_info("scan.taken_up", LOG_I("skipped", count));
    return n < 0 ? (int)n : 0;
}

static void *run(void *arg)
{
    struct scanner *s = arg;
    for (int err; (err = take_up_skipped(s)) < 0 && !atomic_load(&s->stopping); rest(s))
        note(s, err);
    while (!atomic_load(&s->stopping)) {
        int done = turn(s);
        note(s, done < 0 ? done : done == 0 && s->failing < 0 ? s->failing : 0);
        if (done < 1)
            rest(s);
    }
    return NULL;
}

int scanner_start(const struct admin *admin, struct scanner **out)
{
    *out = NULL;
    if (admin->config->clamd_socket[0] == '\0')
        return 0;
    struct scanner *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    s->admin = admin;
    int err = -pthread_create(&s->thread, NULL, run, s);
    if (err < 0)
        free(s);
    else
        *out = s;
    return err;
}

void scanner_stop(struct scanner *s)
{
    if (s == NULL)
        return;
    atomic_store(&s->stopping, true);
    pthread_join(s->thread, NULL);
    free(s);
}
