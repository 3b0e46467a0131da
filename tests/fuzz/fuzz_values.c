/* Times and integers as people write them in filters: what is taken reads the same when it is written out. */
#include <errno.h>
#include <inttypes.h>

#include "services/admin-api/resources/decimal.h"
#include "services/admin-api/resources/decode.h"
#include "services/admin-api/resources/iso_time.h"
#include "tests/fuzz/fuzz.h"

static void check_time(const char *text)
{
    char written[ISO_TIME_SIZE];
    int64_t us = 0, again = 0;
    int err = iso_time_parse(text, &us);
    HOLDS(err == 0 || err == -EINVAL);
    if (err < 0)
        return;
    iso_time_format(us, written);
    HOLDS(strlen(written) == 27 && iso_time_parse(written, &again) == 0 && again == us);
}

static void check_integer(int (*parse)(const char *, int64_t *), const char *text)
{
    char digits[32];
    int64_t n = 0, again = 0;
    int err = parse(text, &n);
    HOLDS(err == 0 || err == -EINVAL || (err == -ERANGE && (n == INT64_MAX || n == INT64_MIN)));
    if (err < 0)
        return;
    snprintf(digits, sizeof(digits), "%" PRId64, n);
    HOLDS(parse(digits, &again) == 0 && again == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = exact_text(data, size);
    check_time(text);
    check_integer(integer_parse, text);
    check_integer(integer_parse_path, text);
    check_integer(decimal_parse, text);
    free(text);
    return 0;
}
