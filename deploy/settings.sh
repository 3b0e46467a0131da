# shellcheck shell=bash
# What deploy/backup and deploy/restore share: the services' settings, the database they name, what copying says. To be
# sourced.

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

load_settings() { # FILE or "": exports what it sets, as the services get it
    [[ -n $1 ]] || return 0
    [[ -r $1 ]] || die "--env $1: it cannot be read"
    check_env "$1"
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

# Arguments stand in the list of processes for everybody to read, the environment does not.
hide_password() { # URL of libpq: PGPASSWORD has its password from here on, db_place the rest
    local scheme=${1%%://*} rest=${1#*://} user password=''
    local parameter='^([^?]*\?(.*&)?)password=([^&]*)&?(.*)$'
    user=${rest%%[/@]*} # as libpq looks for it: up to the first of these
    if [[ ${rest:${#user}:1} == @ && $user == *:* ]]; then
        password=${user#*:}
        rest=${user%%:*}${rest:${#user}}
    fi
    if [[ $rest =~ $parameter ]]; then
        password=${BASH_REMATCH[3]}
        rest=${BASH_REMATCH[1]}${BASH_REMATCH[4]}
        rest=${rest%[?&]}
    fi
    db_place=$scheme://$rest
    [[ -n $password ]] || return 0
    password=${password//\\/\\\\}
    printf -v PGPASSWORD '%b' "${password//%/\\x}"
    export PGPASSWORD
}

# shellcheck disable=SC2034 # used by who sources this
find_stores() { # sets data_dir, database (sqlite or postgres) and db_place: the file, or libpq's address
    local url
    data_dir=$(setting DATA_DIR)
    [[ -n $data_dir ]] || die "DATA_DIR is not set: give --env FILE, --compose FILE, or the environment of the services"
    url=$(setting DB_URL)
    url=${url:-sqlite:///$data_dir/db.sqlite3}
    case $url in
        sqlite:///*) database=sqlite db_place=${url#sqlite:///} ;;
        psql://*) database=postgres; hide_password "postgresql://${url#psql://}" ;;
        postgres://* | postgresql://*) database=postgres; hide_password "$url" ;;
        *) die "DB_URL: give sqlite:///path, psql://… or postgresql://…" ;;
    esac
}

need() { # COMMAND PACKAGE
    command -v "$1" > /dev/null || die "$1 is not installed: install the package $2"
}

# shellcheck disable=SC2034,SC2154 # used by who sources this, which sets root
find_admin_api() { # DIR or "": sets admin_api, by default the one beside these scripts
    local dir=$1
    if [[ -z $dir && -x $root/build/bin/admin-api ]]; then dir=$root/build/bin; fi
    admin_api=${dir:+$dir/}admin-api
}

as_owner() { # COMMAND…: as whose the archives are, for what it makes there is that one's then
    local owner name value
    owner=$(stat -c %u "$data_dir/archives")
    if [[ $EUID -ne 0 || $owner -eq 0 ]]; then "$@"; return; fi
    (
        for name in SECRET_KEY SECRET_KEY_FALLBACKS DB_URL; do # their files may be root's alone
            value=$(setting "$name")
            unset "${name}_FILE"
            [[ -z $value ]] || export "$name=$value"
        done
        exec setpriv --reuid="$owner" --regid="$(stat -c %g "$data_dir/archives")" --clear-groups "$@"
    )
}

pg() { # TOOL ARGUMENT…: with the database; deploy/stack.sh has another for a database in a container
    need "$1" postgresql-client
    "$@" --dbname="$db_place"
}

pg_list() { # of a dump on standard input, what pg_restore prints
    need pg_restore postgresql-client
    pg_restore "$@" --file=-
}

keys() { # all that SECRET_KEY is and was, a line each
    setting SECRET_KEY
    setting SECRET_KEY_FALLBACKS | tr ',' '\n'
}

marks() { # of keys on standard input: what tells whether a key is the same and gives nothing of it away
    local key
    while read -r key || [[ -n $key ]]; do
        [[ -z $key ]] || printf 'logs-collector-backup %s' "$key" | sha256sum | cut -c 1-32
    done
}

readonly no_room='No space left on device|Disk quota exceeded|database or disk is full'

not_written() { # DIR WHAT-IT-SAID: the end
    local why=${2##*$'\n'}
    if grep -Eq "$no_room" <<< "$2"; then
        die "$1: no space left there: free some, or choose a place that has it; nothing was kept"
    fi
    die "$1: ${why:-it cannot be written}; nothing was kept"
}

write() { # DIR COMMAND…: its output is kept; when it fails, what it said of DIR
    local dir=$1 said
    shift
    said=$(LC_ALL=C "$@" 2>&1) || not_written "$dir" "$said"
}

like() { # MODEL PATH: the owner and mode of another, where we may set them
    chmod --reference="$1" "$2"
    chown --reference="$1" "$2" 2> /dev/null || true
}

name_lost() { # ID…, a line each
    awk '{ print "archive without its whole file: " $0 }' <<< "$1" >&2
}

stored_files() { # DIR: "id size" of each archive in it, sorted
    find "$1" -mindepth 3 -maxdepth 3 -name data -type f -printf '%P %s\n' | sed 's|^../||; s|/data||' | LC_ALL=C sort
}
