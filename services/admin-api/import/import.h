/*
 * Takes over a Logs Collector 0.1.0 (Django): users with password hashes and second factors, platforms, tickets with
 * their tokens, archives with their files. What is here already is left as it is, so that it may be repeated while both
 * run, and finished after the old one has stopped. Main thread of the command; it prints what it could not take.
 */
#ifndef LC_ADMIN_IMPORT_IMPORT_H
#define LC_ADMIN_IMPORT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/admin-api/admin.h"
#include "shared/db/db.h"

struct import_options {
    const char *db;    /* of 0.1.0: a file, or a URL as DB_URL takes */
    const char *media; /* the directory that collector_archive.file is relative to */
    bool dry_run;
};

struct import {
    const struct admin *admin;
    struct db *old_db;
    struct db_conn *old, *beside; /* two, since one query at a time runs on a connection */
    struct db_conn *ours;         /* NULL in a dry run where nothing is yet */
    int media;                    /* directory */
    bool dry_run;
    struct {
        int64_t *numbers;
        size_t count, room;
    } refused; /* tickets that a dry run would not take: their archives go nowhere */
    int64_t taken, known, failed, changed,
        differing; /* of the step under way; changed ones are taken or known, differing known */
};

/* db_one() on our side: none, where nothing is yet. */
#define IMPORT_FIND(i, ...) ((i)->ours == NULL ? 0 : db_one((i)->ours, __VA_ARGS__))

enum { IMPORT_CHANGED = 3 };

/* A dry run changes nothing, and needs no database of ours.
 * 0: everything is taken over; IMPORT_CHANGED: that too, but files are not what 0.1.0 recorded; 1: something could not
 * be; both were said; negative: it could not go on. */
int import_run(const struct admin *admin, const struct import_options *options, char *why, size_t why_size)
    __attribute__((warn_unused_result));

/* --- for the steps: each row ends with exactly one of these --- */
void import_taken(struct import *i);
void import_known(struct import *i);
void import_changed(struct import *i, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* beside import_taken or import_known */
/* Beside import_known: how its row in 0.1.0 is another now; nothing, where that is not so. */
struct import_difference {
    char text[160];
};
void import_note(struct import_difference *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
void import_compare(struct import_difference *d, const char *field, int64_t there, int64_t here);
void import_differs(struct import *i, const char *what, const struct import_difference *d);
void import_failed(struct import *i, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Each goes over one old table. 0, or the negative errno of a database that is away: what is wrong with a row is no
 * error. */
int import_users(struct import *i) __attribute__((warn_unused_result));
int import_platforms(struct import *i) __attribute__((warn_unused_result));
int import_tickets(struct import *i) __attribute__((warn_unused_result));
int import_archives(struct import *i) __attribute__((warn_unused_result));

/* Of a ticket that a dry run would not take; -ENOMEM. */
int import_refuse(struct import *i, int64_t number) __attribute__((warn_unused_result));
bool import_is_refused(const struct import *i, int64_t number);

/* Calls `each` for every row of an old table, until it returns non-zero. */
int import_each(struct import *i, const struct db_statement *old,
                int (*each)(struct import *i, const struct db_rows *row)) __attribute__((warn_unused_result));
/* Django's text of a time, in UTC or with an offset, as microseconds since 1970; 0 for what is none. */
int64_t import_time(const char *text);

#endif
