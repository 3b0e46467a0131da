/* REDIS_URL: refused with a reason, or a target that can be connected to. */
#include <errno.h>

#include "shared/redis/target.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct redis_target *t)
{
    HOLDS(t->db >= 0 && t->db <= 9999 && (t->password == NULL || t->password[0] != '\0'));
    HOLDS(t->user == NULL || t->password != NULL);
    HOLDS((t->kind == REDIS_UNIX) == (t->path != NULL) && (t->kind == REDIS_SENTINEL) == (t->master != NULL));
    HOLDS(t->path == NULL || (t->path[0] == '/' && t->path[1] != '\0'));
    HOLDS(t->master == NULL || t->master[0] != '\0');
    HOLDS(t->kind == REDIS_UNIX ? t->address_count == 0 : t->address_count > 0);
    HOLDS(t->kind != REDIS_TCP || t->address_count == 1);
    for (size_t i = 0; i < t->address_count; ++i)
        HOLDS(t->addresses[i].host[0] != '\0' && t->addresses[i].port > 0 && t->addresses[i].port <= 65535);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[512] = "", *url = exact_text(data, size);
    struct redis_target *t = NULL;
    int err = redis_target_parse(url, &t, why, sizeof(why));

    HOLDS(err == 0 ? t != NULL : err == -EINVAL && t == NULL && strstr(why, "redis://") != NULL);
    if (err == 0)
        check(t);
    redis_target_free(t);
    free(url);
    return 0;
}
