/* What only a program with both databases can compare. */
#ifndef LC_TESTS_DB_SCHEMA_TESTS_H
#define LC_TESTS_DB_SCHEMA_TESTS_H

/* A test of cmocka. */
void dialects_have_one_schema(void **state);

#endif
