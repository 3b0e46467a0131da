/*
 * Rules for new passwords. The common ones are a list made at build from Debian's john-data; what people add in front
 * of and behind such a word to please a rule does not make it a better one.
 */
#include "services/admin-api/security/password_rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/admin-api/security/password.h"

/* static const char *const common_passwords[]: lowercase, sorted by bytes. */
#include "services/admin-api/security/common_passwords.h"

#define SIMILAR_PART    4  /* characters of an attribute's word that count */
#define SIMILAR_PERCENT 70 /* of both lengths in common */
#define COMPARED_MAX    256

static int refuse(char *why, size_t why_size, const char *sentence)
{
    snprintf(why, why_size, "%s", sentence);
    return -EINVAL;
}

static size_t characters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80; /* the first byte of each UTF-8 character */
    return n;
}

static void lower(const char *text, char out[COMPARED_MAX])
{
    size_t len = strnlen(text, COMPARED_MAX - 1);

    for (size_t i = 0; i < len; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    out[len] = '\0';
}

/* --- common ones --- */

static int compare(const void *text, const void *row)
{
    return strcmp(text, *(const char *const *)row);
}

static bool is_listed(const char *text)
{
    return bsearch(text, common_passwords, sizeof(common_passwords) / sizeof(common_passwords[0]),
                   sizeof(common_passwords[0]), compare) != NULL;
}

/* Is it a common one, or one with digits and marks around it that are not most of it? */
static bool is_common(const char *password)
{
    char core[COMPARED_MAX];
    size_t start = 0, end;

    if (is_listed(password))
        return true;
    while (password[start] && !isalpha((unsigned char)password[start]))
        start++;
    end = strlen(password);
    while (end > start && !isalpha((unsigned char)password[end - 1]))
        end--;
    memcpy(core, password + start, end - start);
    core[end - start] = '\0';
    return 2 * (end - start) >= strlen(password) && is_listed(core);
}

/* The same few characters, or each the one after (or before) the last. */
static bool is_simple(const char *password)
{
    size_t len = strlen(password), distinct = 0, up = 0, down = 0;
    bool seen[256] = {false};

    for (size_t i = 0; i < len; i++) {
        distinct += !seen[(unsigned char)password[i]];
        seen[(unsigned char)password[i]] = true;
        up += i > 0 && password[i] == password[i - 1] + 1;
        down += i > 0 && password[i] == password[i - 1] - 1;
    }
    return distinct < 4 || up + 2 >= len || down + 2 >= len;
}

/* --- similar ones --- */

/* The longest common subsequence of both. */
static size_t in_common(const char *a, const char *b)
{
    size_t row[COMPARED_MAX] = {0};

    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = 0;

        for (size_t j = 0; b[j]; j++) {
            size_t above = row[j + 1];

            row[j + 1] = a[i] == b[j] ? diagonal + 1 : row[j] > above ? row[j] : above;
            diagonal = above;
        }
    }
    return row[strlen(b)];
}

static bool is_near(const char *password, const char *word)
{
    size_t p = strlen(password), w = strlen(word);

    if (w < SIMILAR_PART)
        return false;
    if (strstr(password, word) && 2 * w >= p)
        return true;
    return 200 * in_common(password, word) >= SIMILAR_PERCENT * (p + w);
}

#define SEPARATORS " .+-_@"

/* Up to the @ of an address, its words run together. */
static void run_together(const char *text, char out[COMPARED_MAX])
{
    size_t len = 0;

    for (; *text && *text != '@'; text++) {
        if (!strchr(SEPARATORS, *text))
            out[len++] = *text;
    }
    out[len] = '\0';
}

/* The whole attribute, its words run together, and each word of it. */
static bool is_similar(const char *password, const char *attribute)
{
    char text[COMPARED_MAX], joined[COMPARED_MAX], *rest = NULL;

    lower(attribute, text);
    run_together(text, joined);
    if (is_near(password, text) || is_near(password, joined))
        return true;
    for (char *word = strtok_r(text, SEPARATORS, &rest); word; word = strtok_r(NULL, SEPARATORS, &rest)) {
        if (is_near(password, word))
            return true;
    }
    return false;
}

int password_check(const char *password, const char *const *unlike, char *why, size_t why_size)
{
    char text[COMPARED_MAX] = "";

    if (characters(password) < PASSWORD_LENGTH_MIN) {
        snprintf(why, why_size, "This password is too short. It must contain at least %d characters.",
                 PASSWORD_LENGTH_MIN);
        return -EINVAL;
    }
    if (strlen(password) > PASSWORD_LENGTH_MAX) {
        snprintf(why, why_size, "This password is too long. It must contain at most %d bytes.", PASSWORD_LENGTH_MAX);
        return -EINVAL;
    }
    lower(password, text);
    if (text[strspn(text, "0123456789")] == '\0')
        return refuse(why, why_size, "This password is entirely numeric.");
    if (is_common(text) || is_simple(text))
        return refuse(why, why_size, "This password is too common.");
    for (; unlike && *unlike; unlike++) {
        if (is_similar(text, *unlike))
            return refuse(why, why_size, "This password is too similar to the user's name or address.");
    }
    return 0;
}
