/* Letters of all scripts in sqlite as PostgreSQL's ICU has them: LOWER(text COLLATE "und-x-icu") is one SQL text. */
#ifndef LC_SHARED_DB_SQLITE_CASE_H
#define LC_SHARED_DB_SQLITE_CASE_H

#include <sqlite3.h>

/* sqlite's result code. */
int sqlite_case_add(sqlite3 *handle) __attribute__((warn_unused_result));

#endif
