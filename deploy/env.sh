# shellcheck shell=bash
# A file of settings such as DIR/env, and the DIR that deploy/up keeps everything in, as all these scripts ask for them. To
# be sourced; expects die.

# The shell and systemd (EnvironmentFile=) read the same file: refused is what they would read otherwise, for the shell ends
# a value at a space or an & and the setting would be lost. Never says the value, which may be a secret.
check_env() { # FILE
    local line number=0
    local part="[^[:space:];&|<>()\$\`'\"\\]|\\\\.|'[^']*'|\"([^\"\$\`\\]|\\\\.)*\""
    local whole="^(export )?[A-Za-z_][A-Za-z0-9_]*=($part)*[[:space:]]*(#.*)?\$"
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        [[ $line =~ ^(export )?([A-Za-z_][A-Za-z0-9_]*)= ]] || continue
        [[ $line != *$'\r' ]] || die "$1, line $number: it ends as lines of Windows do: sed -i 's/\\r\$//' $1"
        [[ $line =~ $whole ]] ||
            die "$1, line $number: a shell reads more than a value there: put it in single quotes, ${line%%=*}='…'"
    done < "$1"
}

check_data() { # DIR
    local socket=$1/run/redis.sock
    [[ $1 =~ ^[A-Za-z0-9._/@%+,:-]+$ ]] || die "--data $1: use a path of letters, digits and ._/@%+,:- only"
    [[ ${#socket} -le 107 ]] || die "--data $1: the path is too long for a unix socket; choose a shorter one"
}
