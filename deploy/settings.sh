# shellcheck shell=bash
# What deploy/backup and deploy/restore share: the services' settings and the database they name. To be sourced.

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

load_settings() { # FILE or "": exports what it sets, as the services get it
    [[ -n $1 ]] || return 0
    [[ -r $1 ]] || die "--env $1: it cannot be read"
    [[ $1 == */* ]] || set -- "./$1" # a bare name would be looked for in PATH
    set -a
    # shellcheck disable=SC1090
    . "$1"
    set +a
}

setting() { # NAME: its value, also by NAME_FILE
    local file=$1_FILE
    if [[ -n ${!1:-} ]]; then
        printf '%s\n' "${!1}"
    elif [[ -n ${!file:-} ]]; then
        cat "${!file}"
    fi
}

# shellcheck disable=SC2034 # used by who sources this
find_stores() { # sets data_dir, database (sqlite or postgres) and db_place: the file, or libpq's address
    local url
    data_dir=$(setting DATA_DIR)
    [[ -n $data_dir ]] || die "DATA_DIR is not set: give --env FILE, or the environment of the services"
    url=$(setting DB_URL)
    url=${url:-sqlite:///$data_dir/db.sqlite3}
    case $url in
        sqlite:///*) database=sqlite db_place=${url#sqlite:///} ;;
        psql://*) database=postgres db_place=postgresql://${url#psql://} ;;
        postgres://* | postgresql://*) database=postgres db_place=$url ;;
        *) die "DB_URL: give sqlite:///path, psql://… or postgresql://…" ;;
    esac
}

need() { # COMMAND PACKAGE
    command -v "$1" > /dev/null || die "$1 is not installed: install the package $2"
}

like() { # MODEL PATH: the owner and mode of another, where we may set them
    chmod --reference="$1" "$2"
    chown --reference="$1" "$2" 2> /dev/null || true
}

name_lost() { # ID…, a line each
    awk '{ print "archive without its file: " $0 }' <<< "$1" >&2
}

stored_files() { # DIR: "id size" of each archive in it, sorted
    find "$1" -mindepth 3 -maxdepth 3 -name data -type f -printf '%P %s\n' | sed 's|^../||; s|/data||' | LC_ALL=C sort
}
