/* The Lua scripts of the attempt rules, embedded at build from scripts/prelude.lua and scripts/<name>.lua; ids are
 * their SHA-1. Any thread. */
#ifndef LC_SHARED_REDIS_SCRIPTS_H
#define LC_SHARED_REDIS_SCRIPTS_H

enum redis_script {
#define SCRIPT(name) REDIS_SCRIPT_##name,
#include "shared/redis/scripts.def"
#undef SCRIPT
    REDIS_SCRIPT_COUNT
};

const char *redis_script_name(enum redis_script script);
const char *redis_script_text(enum redis_script script);
const char *redis_script_sha(enum redis_script script); /* 40 hex digits */

#endif
