#!/bin/sh
# common_passwords.sh LIST OUT: the passwords of zxcvbn's ranked dictionaries ('word' => rank, …) as a sorted C array.
set -eu
{
    echo '/* Made at build from a list of common passwords. */'
    echo 'static const char *const common_passwords[] = {'
    sed -n "/'passwords' => {/,/^  }/s/^    '\(.*\)' => [0-9]*,*\$/\1/p" "$1" | LC_ALL=C tr '[:upper:]' '[:lower:]' |
        LC_ALL=C grep '^[!-~]\{4,\}$' | LC_ALL=C sort -u | sed 's/[\\"?]/\\&/g; s/.*/    "&",/'
    echo '};'
} > "$2.new"
if [ "$(wc -l < "$2.new")" -lt 10000 ]; then
    echo "common_passwords.sh: $1 is not the list it was: too few passwords in it" >&2
    exit 1
fi
mv "$2.new" "$2"
