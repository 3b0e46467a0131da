/* Range, Accept, Host and If-Match of admin-api. Lines of the input: a size in decimal, ALLOWED_HOSTS, the value. */
#include <errno.h>

#include "services/admin-api/http/etag.h"
#include "services/admin-api/http/host.h"
#include "services/admin-api/http/ranges.h"
#include "tests/fuzz/fuzz.h"

static void check_range(const char *value, size_t len, int64_t size)
{
    struct byte_range range = {-1, -1};
    int n = range_parse((struct span){value, len}, size, &range);
    HOLDS(n == 0 || n == 1 || n == -ERANGE);
    if (n == 1)
        HOLDS(range.first >= 0 && range.length > 0 && range.first < size && range.length <= size - range.first);
}

static void check_etag(const char *value, size_t len)
{
    char tag[ETAG_SIZE];
    struct span header = {value, len};
    etag_of(value, len, tag);
    HOLDS(!etag_is_listed(header, tag, false) || etag_is_listed(header, tag, true));
    HOLDS(etag_is_listed((struct span){tag, strlen(tag)}, tag, false));
}

/* Of one range alone both answers agree; of several that contradict each other the first counts. */
static void check_accept(const char *text)
{
    bool named = accepts_by_name(text, "application/json"), taken = accepts(text, "application/json");
    HOLDS(!named || taken || strchr(text, ',') != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *number = take_line(&data, &size), *hosts = take_line(&data, &size);
    char *bytes = exact(data, size), *text = exact_text(data, size);
    int64_t length = strtoll(number, NULL, 10);

    check_range(bytes, size, length < 0 ? 0 : length);
    check_etag(bytes, size);
    check_accept(text);
    if (host_is_allowed(text, hosts))
        HOLDS(host_is_allowed(text, "") && strpbrk(text, "/\\@?# \r\n") == NULL);
    free(number);
    free(hosts);
    free(bytes);
    free(text);
    return 0;
}
