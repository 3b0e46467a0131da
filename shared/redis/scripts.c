/* The scripts as data; the bytes come from scripts/ through embed.cmake. */
#include "shared/redis/scripts.h"

#include "shared/redis/scripts_text.h"

const char *redis_script_name(enum redis_script script)
{
    return script_table[script].name;
}

const char *redis_script_text(enum redis_script script)
{
    return script_table[script].text;
}

const char *redis_script_sha(enum redis_script script)
{
    return script_table[script].sha;
}
