/* Decoding and validation of one field; see decode.h. The messages are the published contract's. */
#include "services/admin-api/resources/decode.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/resources/iso_time.h"

#define TIME_FORMAT                                                                                                    \
    "Datetime has wrong format. Use one of these formats instead: "                                                    \
    "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
#define SLUG_FORMAT   "Enter a valid \"slug\" consisting of letters, numbers, underscores or hyphens."
#define MUST_NOT_NULL "This field may not be null."
#define NUMBER_TEXT   1000 /* characters of a number given as a text */
#define REAL_MOST     1e16 /* clients of old know reals from here on, written with an exponent, as no integers */

static int wrong(const struct field *f, json_t *errors, const char *message)
{
    return field_error(errors, f->name, message);
}

/* --- integers --- */

int integer_parse(const char *text, int64_t *out)
{
    static const char spaces[] = " \t\r\n\f\v";
    const char *at = text + strspn(text, spaces);
    bool negative = *at == '-', over = false;
    uint64_t n = 0, most = negative ? UINT64_C(1) << 63 : INT64_MAX;

    at += *at == '-' || *at == '+';
    if (!isdigit((unsigned char)*at))
        return -EINVAL;
    for (; isdigit((unsigned char)*at); ++at) {
        unsigned digit = (unsigned)(*at - '0');
        over |= n > (most - digit) / 10;
        n = over ? most : n * 10 + digit;
    }
    if (*at == '.')
        at += 1 + strspn(at + 1, "0");
    at += strspn(at, spaces);
    if (*at != '\0')
        return -EINVAL;
    *out = (int64_t)(negative ? 0 - n : n);
    return over ? -ERANGE : 0;
}

int integer_parse_path(const char *text, int64_t *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    return digits[strspn(digits, "0123456789")] != '\0' ? -EINVAL : integer_parse(text, out);
}

/* No field takes a NUL; jansson's strings may hold one. */
static bool has_nul(const json_t *given)
{
    return json_is_string(given) && strlen(json_string_value(given)) != json_string_length(given);
}

/* 0, -EINVAL or -ERANGE with the bound in *out. */
static int integer_of(const json_t *given, int64_t *out)
{
    switch (json_typeof(given)) {
    case JSON_INTEGER:
        *out = json_integer_value(given);
        return 0;
    case JSON_REAL: {
        double d = json_real_value(given);
        if (d != floor(d) || fabs(d) >= REAL_MOST)
            return -EINVAL;
        *out = (int64_t)d;
        return 0;
    }
    case JSON_STRING:
        return integer_parse(json_string_value(given), out);
    default:
        return -EINVAL;
    }
}

static int decode_integer(const struct field *f, const json_t *given, struct input *out, json_t *errors)
{
    char message[96];
    int64_t n = 0;
    bool bounded = f->min != f->max;
    int64_t min = bounded ? f->min : INT64_MIN, max = bounded ? f->max : INT64_MAX;
    int bad = has_nul(given) ? -EINVAL : integer_of(given, &n);

    if (json_string_length(given) > NUMBER_TEXT)
        return wrong(f, errors, "String value too large.");
    if (bad == -EINVAL)
        return wrong(f, errors, "A valid integer is required.");
    if (n > max || (bad == -ERANGE && n > 0)) {
        snprintf(message, sizeof(message), "Ensure this value is less than or equal to %" PRId64 ".", max);
        return wrong(f, errors, message);
    }
    if (n < min || bad == -ERANGE) {
        snprintf(message, sizeof(message), "Ensure this value is greater than or equal to %" PRId64 ".", min);
        return wrong(f, errors, message);
    }
    out->value = (struct db_value){.kind = DB_INT, .integer = n};
    out->valid = true;
    return 0;
}

/* --- booleans, in every spelling that old clients use --- */

static int boolean_of(const json_t *given)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "on", "1"};
    static const char *const no[] = {"false", "f", "no", "n", "off", "0"};
    const char *text = json_string_value(given);

    if (json_is_boolean(given))
        return json_is_true(given);
    if (json_is_number(given)) {
        double n = json_number_value(given);
        return n == 1 ? 1 : n == 0 ? 0 : -1;
    }
    for (size_t i = 0; text != NULL && i < sizeof(yes) / sizeof(yes[0]); ++i) {
        if (strcasecmp(text, yes[i]) == 0)
            return 1;
        if (strcasecmp(text, no[i]) == 0)
            return 0;
    }
    return -1;
}

static int decode_boolean(const struct field *f, const json_t *given, struct input *out, json_t *errors)
{
    int b = has_nul(given) ? -1 : boolean_of(given);
    if (b < 0)
        return wrong(f, errors, "Must be a valid boolean.");
    out->value = (struct db_value){.kind = DB_INT, .integer = b};
    out->valid = true;
    return 0;
}

/* --- texts --- */

static size_t characters(const char *utf8)
{
    size_t n = 0;
    for (; *utf8 != '\0'; ++utf8)
        n += ((unsigned char)*utf8 & 0xc0) != 0x80;
    return n;
}

/* Bytes of the longest beginning of at most `most` that does not cut a character. */
static size_t whole_characters(const char *utf8, size_t most)
{
    size_t n = strnlen(utf8, most);
    while (n > 0 && ((unsigned char)utf8[n] & 0xc0) == 0x80)
        --n;
    return n;
}

/* What old clients are told of a value that names nothing; NULL: nothing of it. */
static const char *word_of(const json_t *given)
{
    if (json_is_boolean(given))
        return json_is_true(given) ? "True" : "False";
    if (json_is_array(given) && json_array_size(given) == 0)
        return "[]";
    return json_is_object(given) && json_object_size(given) == 0 ? "{}" : NULL;
}

/* A string, or a number's digits. NULL: neither. -ENOMEM in *err. */
static char *text_of(const json_t *given, int *err)
{
    char *text = NULL;

    *err = 0;
    if (json_is_string(given))
        text = strdup(json_string_value(given));
    else if (json_is_number(given))
        text = json_dumps(given, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    else
        return NULL;
    *err = text == NULL ? -ENOMEM : 0;
    return text;
}

static void trim(char *text)
{
    static const char spaces[] = " \t\r\n\f\v";
    size_t start = strspn(text, spaces), end = strlen(text);
    while (end > start && strchr(spaces, text[end - 1]) != NULL)
        --end;
    memmove(text, text + start, end - start);
    text[end - start] = '\0';
}

static bool is_slug(const char *text)
{
    for (; *text != '\0'; ++text)
        if (!isalnum((unsigned char)*text) && *text != '-' && *text != '_')
            return false;
    return true;
}

static int check_text(const struct field *f, const char *text, json_t *errors, bool *good)
{
    char message[96];
    int err = 0;

    *good = false;
    if (text[0] == '\0') {
        *good = (f->rules & RULE_BLANK) != 0;
        return *good ? 0 : wrong(f, errors, "This field may not be blank.");
    }
    bool fits = characters(text) <= (size_t)f->max, formed = !(f->rules & RULE_SLUG) || is_slug(text);
    if (!fits) {
        snprintf(message, sizeof(message), "Ensure this field has no more than %" PRId64 " characters.", f->max);
        err = wrong(f, errors, message);
    }
    if (!formed && err == 0)
        err = wrong(f, errors, SLUG_FORMAT);
    *good = fits && formed;
    return err;
}

static int decode_text(const struct field *f, const json_t *given, struct input *out, json_t *errors)
{
    int err;
    char *text = text_of(given, &err);

    if (text == NULL)
        return err < 0 ? err : wrong(f, errors, "Not a valid string.");
    out->owned = text;
    if (has_nul(given))
        return wrong(f, errors, "Null characters are not allowed.");
    trim(text);
    err = check_text(f, text, errors, &out->valid);
    out->value = (struct db_value){.kind = DB_TEXT, .bytes = text, .len = strlen(text)};
    return err;
}

/* --- references: what the lookup is to find; whether it does is the transaction's to say --- */

int reference_missing(const struct field *f, const char *text, json_t *errors)
{
    char message[256];
    snprintf(message, sizeof(message), "Object with %s=%.*s does not exist.", f->lookup.by,
             (int)whole_characters(text, 150), text);
    return wrong(f, errors, message);
}

static int decode_number_reference(const struct field *f, const json_t *given, const char *text, struct input *out,
                                   json_t *errors)
{
    int64_t n = 0;
    bool is_point = json_is_string(given) && strchr(text, '.') != NULL;
    int bad = is_point ? -EINVAL : integer_of(given, &n);

    if (bad == -EINVAL)
        return wrong(f, errors, "Invalid value.");
    if (bad == -ERANGE)
        return reference_missing(f, text, errors);
    out->value = (struct db_value){.kind = DB_INT, .integer = n};
    out->valid = true;
    return 0;
}

static int decode_reference(const struct field *f, const json_t *given, struct input *out, json_t *errors)
{
    int err;

    if (json_is_string(given) && json_string_length(given) == 0)
        return wrong(f, errors, MUST_NOT_NULL);
    if (!f->lookup.is_number && word_of(given) != NULL)
        return reference_missing(f, word_of(given), errors);
    char *text = text_of(given, &err);
    if (text == NULL || has_nul(given)) {
        free(text);
        return err < 0 ? err : wrong(f, errors, "Invalid value.");
    }
    out->owned = text;
    if (f->lookup.is_number)
        return decode_number_reference(f, given, text, out, errors);
    out->value = (struct db_value){.kind = DB_TEXT, .bytes = text, .len = strlen(text)};
    out->valid = true;
    return 0;
}

static int decode_time(const struct field *f, const json_t *given, struct input *out, json_t *errors)
{
    int64_t us;
    if (!json_is_string(given) || has_nul(given) || iso_time_parse(json_string_value(given), &us) < 0)
        return wrong(f, errors, TIME_FORMAT);
    out->value = (struct db_value){.kind = DB_INT, .integer = us};
    out->valid = true;
    return 0;
}

int field_decode(const struct field *f, const json_t *given, struct input *out, json_t *errors)
{
    static int (*const by_type[])(const struct field *, const json_t *, struct input *, json_t *) = {
        [FIELD_INTEGER] = decode_integer, [FIELD_BOOLEAN] = decode_boolean,     [FIELD_TEXT] = decode_text,
        [FIELD_TIME] = decode_time,       [FIELD_REFERENCE] = decode_reference,
    };
    out->given = true;
    if (f->type == FIELD_FILE && !json_is_null(given))
        return wrong(f, errors, "The submitted data was not a file. Check the encoding type on the form.");
    if ((f->rules & RULE_NULLABLE) && json_is_null(given)) {
        out->value = (struct db_value){.kind = DB_NULL};
        out->valid = true;
        return 0;
    }
    if (json_is_null(given))
        return wrong(f, errors, MUST_NOT_NULL);
    return by_type[f->type](f, given, out, errors);
}
