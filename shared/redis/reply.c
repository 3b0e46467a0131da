/* Replies of the server as errors and numbers; no I/O. */
#include "shared/redis/reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *prefix;
    int err;
} errors[] = {
    {"LOADING ", -EBUSY},
    {"BUSY ", -EBUSY},
    {"READONLY ", -EAGAIN},
    {"MASTERDOWN ", -EAGAIN},
    {"UNBLOCKED ", -EAGAIN},
    {"NOAUTH ", -EACCES},
    {"WRONGPASS ", -EACCES},
    {"NOPERM ", -EACCES},
    {"ERR invalid password", -EACCES},
    {"OOM ", -ENOMEM},
    {"NOSCRIPT ", -ENOENT},
    {"MISCONF ", -EIO},
    {"ERR DB index is out of range", -ERANGE},
};

int redis_reply_error(const redisReply *r)
{
    if (r->type != REDIS_REPLY_ERROR)
        return 0;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); ++i)
        if (strncmp(r->str, errors[i].prefix, strlen(errors[i].prefix)) == 0)
            return errors[i].err;
    return -EPROTO;
}

bool redis_reply_is_refusal(int err)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); ++i)
        if (errors[i].err == err)
            return err != -ENOENT;
    return false;
}

const char *redis_reply_state(int err)
{
    switch (err) {
    case 0:
        return "ok";
    case -EAGAIN:
        return "read-only";
    case -ENOMEM:
        return "full";
    case -EIO:
        return "failing";
    default:
        return "unreachable";
    }
}

int64_t redis_reply_int(const redisReply *r)
{
    if (r->type == REDIS_REPLY_INTEGER)
        return r->integer;
    if (r->type != REDIS_REPLY_STRING || r->len == 0)
        return -1;
    char *end;
    errno = 0;
    long long n = strtoll(r->str, &end, 10);
    return errno == 0 && *end == '\0' ? n : -1;
}

const char *redis_reply_text(const redisReply *r, size_t i)
{
    if (r->type != REDIS_REPLY_ARRAY || i >= r->elements)
        return "";
    const redisReply *e = r->element[i];
    return e->type == REDIS_REPLY_STRING || e->type == REDIS_REPLY_STATUS ? e->str : "";
}

int64_t redis_reply_number(const redisReply *r, size_t i)
{
    return strtoll(redis_reply_text(r, i), NULL, 10);
}

char *redis_number(int64_t n, char out[REDIS_NUMBER_SIZE])
{
    snprintf(out, REDIS_NUMBER_SIZE, "%lld", (long long)n);
    return out;
}

bool redis_reply_is_master(const redisReply *role)
{
    return strcmp(redis_reply_text(role, 0), "master") == 0;
}

int redis_reply_run_id(const redisReply *info, char out[41])
{
    static const char label[] = "\r\nrun_id:";
    const char *at = info->type == REDIS_REPLY_STRING ? strstr(info->str, label) : NULL;
    if (at == NULL || strspn(at + strlen(label), "0123456789abcdef") < 40)
        return -EPROTO;
    memcpy(out, at + strlen(label), 40);
    out[40] = '\0';
    return 0;
}
