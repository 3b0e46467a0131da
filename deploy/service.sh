# shellcheck shell=bash disable=SC2154
# What deploy/up and deploy/down share: processes known by a file with their id, start time and boot.
# To be sourced; sets nothing, expects $data.

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

absolute() { # PATH that need not exist yet
    local path=$1
    [[ $path == /* ]] || path=$PWD/$path
    realpath -m -- "$path"
}

birth_of() { # PID: when it began, in a form that no later process with this id shares
    local stat
    stat=$(cat "/proc/$1/stat" 2> /dev/null) || return 1
    stat=${stat##*) } # the name before may hold anything
    read -r -a fields <<< "$stat"
    [[ ${fields[0]} != Z ]] || return 1
    printf '%s %s\n' "${fields[19]}" "$(cat /proc/sys/kernel/random/boot_id)"
}

remember() { # NAME PID; one that has ended already leaves no file
    local birth
    rm -f "$data/run/$1.pid"
    birth=$(birth_of "$2") || return 0
    printf '%s %s\n' "$2" "$birth" > "$data/run/$1.pid"
}

pid_of() { # NAME: the id of the process that deploy/up started, if it still is that process
    local pid birth now
    { read -r pid birth < "$data/run/$1.pid"; } 2> /dev/null || return 1
    now=$(birth_of "$pid") || return 1
    [[ $now == "$birth" ]] || return 1
    printf '%s\n' "$pid"
}

stop_service() { # NAME [SECONDS]: TERM, then after SECONDS KILL; waits for the end
    local name=$1 patience=${2:-60} pid waited=0
    pid=$(pid_of "$name") || { rm -f "$data/run/$name.pid"; return 1; }
    kill -TERM "$pid"
    while pid_of "$name" > /dev/null; do
        if [[ $waited -eq $((patience * 10)) ]]; then
            say "$name (pid $pid) did not end within $patience s: killed"
            kill -KILL "$pid" 2> /dev/null || true
        fi
        sleep 0.1
        waited=$((waited + 1))
    done
    rm -f "$data/run/$name.pid"
}
