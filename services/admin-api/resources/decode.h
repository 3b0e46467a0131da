/* From JSON values to columns by a field's row: types, bounds and messages. No database here. Any thread. */
#ifndef LC_ADMIN_RESOURCES_DECODE_H
#define LC_ADMIN_RESOURCES_DECODE_H

#include "services/admin-api/resources/resource.h"

/* Decodes `given` (never NULL) into `out`; what is wrong goes to `errors`. 0 or -ENOMEM. */
int field_decode(const struct field *f, const json_t *given, struct input *out, json_t *errors)
    __attribute__((warn_unused_result));

/* An integer as people write it: spaces around, a sign, ".0" behind. 0; -EINVAL; -ERANGE: beyond 64 bits, with
 * INT64_MIN or INT64_MAX in *out. */
int integer_parse(const char *text, int64_t *out) __attribute__((warn_unused_result));
/* One as paths have it: a sign and digits alone. 0, -EINVAL, -ERANGE. */
int integer_parse_path(const char *text, int64_t *out) __attribute__((warn_unused_result));

/* Says in `errors` that a REFERENCE's row, as `text` names it, does not exist. 0 or -ENOMEM. */
int reference_missing(const struct field *f, const char *text, json_t *errors) __attribute__((warn_unused_result));

#endif
