/*
 * What a new password has to be: long enough, not one that everybody tries, unlike its user's name and address.
 * Old passwords are never checked: they work until they are changed. Any thread.
 */
#ifndef LC_ADMIN_SECURITY_PASSWORD_RULES_H
#define LC_ADMIN_SECURITY_PASSWORD_RULES_H

#include <stddef.h>

/* May it be a user's new password? `unlike`: the user's names and address, NULL-terminated; NULL: none known.
 * 0, or -EINVAL with the sentence for people in `why`. */
int password_check(const char *password, const char *const *unlike, char *why, size_t why_size)
    __attribute__((warn_unused_result));

#endif
