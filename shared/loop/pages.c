/* Static pages through H2O's file handlers; see pages.h. */
#include "shared/loop/pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/loop/internal.h"

struct pages_setup {
    const char *root;
    const struct pages_rule *rules;
    size_t count;
};

static void add_headers(struct loop *l, h2o_pathconf_t *path, const char *const *lines)
{
    size_t count = 0;
    while (lines[count] != NULL)
        ++count;
    h2o_headers_command_t *commands = h2o_mem_alloc_pool(&l->pool, (count + 1) * sizeof(*commands));
    for (size_t i = 0; i < count; ++i) {
        const char *colon = strchr(lines[i], ':');
        h2o_iovec_t name = h2o_strdup(&l->pool, lines[i], (size_t)(colon - lines[i]));
        h2o_strtolower(name.base, name.len);
        const h2o_token_t *token = h2o_lookup_token(name.base, name.len);
        h2o_iovec_t *slot = h2o_mem_alloc_pool(&l->pool, sizeof(*slot));
        *slot = name;
        commands[i].cmd = H2O_HEADERS_CMD_SET;
        commands[i].name = token != NULL ? (h2o_iovec_t *)(uintptr_t)&token->buf : slot; /* H2O tells them by address */
        commands[i].value = h2o_strdup(&l->pool, colon + 2, SIZE_MAX);
    }
    commands[count].cmd = H2O_HEADERS_CMD_NULL;
    h2o_headers_register(path, commands);
}

static int add_rule(struct loop *l, h2o_hostconf_t *host, h2o_mimemap_t *types, const char *root,
                    const struct pages_rule *rule)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", root, rule->file != NULL ? rule->file : rule->path + 1);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -ENAMETOOLONG;
    if (access(path, R_OK) != 0)
        return -errno;
    h2o_pathconf_t *conf = h2o_config_register_path(host, rule->path, 0);
    if (rule->file == NULL) {
        h2o_file_register(conf, path, NULL, NULL, H2O_FILE_FLAG_SEND_COMPRESSED);
    } else {
        const char *dot = strrchr(path, '.');
        h2o_mimemap_type_t *type = h2o_mimemap_get_type_by_extension(
            types, h2o_iovec_init(dot == NULL ? "" : dot + 1, dot == NULL ? 0 : strlen(dot + 1)));
        h2o_file_register_file(conf, path, type, 0);
    }
    if (rule->headers != NULL)
        add_headers(l, conf, rule->headers);
    return 0;
}

static int configure(struct loop *l, h2o_hostconf_t *host, void *arg)
{
    const struct pages_setup *setup = arg;
    h2o_mimemap_t *types = h2o_mimemap_create();
    int err = 0;

    l->config.server_name = h2o_iovec_init(H2O_STRLIT("logs-collector"));
    for (size_t i = 0; i < setup->count && err == 0; ++i)
        err = add_rule(l, host, types, setup->root, setup->rules + i);
    h2o_mem_release_shared(types);
    return err;
}

int pages_loop_new(const char *root, const struct pages_rule *rules, size_t count, struct loop **out)
{
    struct pages_setup setup = {.root = root, .rules = rules, .count = count};
    int err = loop_new_configured(out, configure, &setup);
    if (err == 0)
        (*out)->ctx.shutdown_requested = 1; /* every answer of H2O's closes its connection */
    return err;
}

void pages_serve(struct sock *s, const char *head, size_t len)
{
    sock_hand_over(s, head, len);
}
