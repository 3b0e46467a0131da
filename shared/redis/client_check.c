/* What a start must know of its Redis: no cluster, nothing evicted, which server it is. */
#include "shared/redis/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/redis/reply.h"

static redisReply *info(struct redis_client *c, const char *section, int *err)
{
    const char *argv[] = {"INFO", section};
    redisReply *r = redis_client_command(c, 2, argv, NULL, err);
    if (r != NULL && (*err = redis_reply_error(r)) == 0 && r->type != REDIS_REPLY_STRING)
        *err = -EPROTO;
    if (r != NULL && *err < 0) {
        freeReplyObject(r);
        r = NULL;
    }
    return r;
}

const char *redis_client_advice(int err)
{
    switch (err) {
    case -EACCES:
        return "user or password is wrong, or the user may not run INFO, ROLE and scripts: see REDIS_URL";
    case -EPERM:
        return "this user may not open Redis's socket: let it (redis.conf: unixsocketperm, or a group that both are "
               "in), or correct REDIS_URL";
    case -ENOENT:
        return "the socket does not exist or the sentinels do not know this master: see REDIS_URL";
    case -EAGAIN:
        return "this Redis is a replica, read only: name the master or the sentinels in REDIS_URL, or make it the "
               "master (REPLICAOF NO ONE)";
    case -EBUSY:
        return "Redis is loading its data or busy with a script: try again soon";
    case -ENOMEM:
        return "Redis has no memory left within its maxmemory: raise it, or give it a server of its own";
    case -ERANGE:
        return "the server has no database of that number: correct the end of REDIS_URL, or its setting `databases`";
    case -ENODATA:
        return "Redis knows no tickets yet: admin-api tells it, see its log";
    case -EIO:
        return "Redis refuses writes since it could not save its data: look at its log and its disk";
    case -EPROTO:
        return "what answers there is not Redis, or refused the command: see REDIS_URL";
    default:
        return "cannot reach Redis: start it, or correct REDIS_URL";
    }
}

int redis_client_probe(struct redis_client *c)
{
    const char *argv[] = REDIS_PROBE;
    return redis_client_tell(c, sizeof(argv) / sizeof(argv[0]), argv);
}

int redis_client_check(struct redis_client *c, char *why, size_t why_size)
{
    int err;
    redisReply *r = info(c, "cluster", &err);
    if (r != NULL && strstr(r->str, "cluster_enabled:1") != NULL)
        err = -ENOTSUP;
    if (r != NULL)
        freeReplyObject(r);
    if (err == 0 && (r = info(c, "memory", &err)) != NULL) {
        if (strstr(r->str, "maxmemory_policy:noeviction") == NULL)
            err = -EINVAL;
        freeReplyObject(r);
    }
    if (err == 0)
        err = redis_client_probe(c);
    if (err == -ENOTSUP)
        snprintf(why, why_size, "Redis Cluster is not supported: use one Redis server, or Sentinel for failover");
    else if (err == -EINVAL)
        snprintf(why, why_size, "Redis may evict tickets and leases: set maxmemory-policy noeviction");
    else if (err < 0)
        snprintf(why, why_size, "%s (%s)", redis_client_advice(err), strerror(-err));
    return err;
}

int redis_client_run_id(struct redis_client *c, char out[41])
{
    int err;
    redisReply *r = info(c, "server", &err);
    if (r == NULL)
        return err;
    err = redis_reply_run_id(r, out);
    freeReplyObject(r);
    return err;
}
