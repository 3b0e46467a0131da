# shellcheck shell=bash disable=SC2034,SC2317
# A compose stack as deploy/backup and deploy/restore see it: files in volumes, PostgreSQL in its container. To be sourced
# after settings.sh, on the machine of the engine.

compose() {
    "${compose_program[@]}" -f "$compose_file" "$@"
}

find_compose() { # FILE
    compose_file=$1
    [[ -r $compose_file ]] || die "--compose $compose_file: it cannot be read"
    [[ $EUID -eq 0 ]] || die "--compose: run it as root, the files in the volumes belong to the users of the containers"
    if docker compose version > /dev/null 2>&1; then
        compose_program=(docker compose)
    else
        need docker-compose "docker-compose, or the engine's plugin compose"
        compose_program=(docker-compose)
    fi
    find_containers
}

declare -A containers=()

find_containers() { # of each service its container's id, running or not
    local service id ids
    ids=$(compose ps -aq) || die "--compose $compose_file: see above"
    [[ -n $ids ]] || return 0
    while read -r service id; do
        containers[$service]=$id
    done < <(xargs docker inspect -f \
        '{{if ne (index .Config.Labels "com.docker.compose.oneoff") "True"}}{{index .Config.Labels "com.docker.compose.service"}} {{.Id}}{{end}}' \
        <<< "$ids" | grep .)
}

services_like() { # PATTERN: such services that have a container, sorted
    printf '%s\n' "${!containers[@]}" | sort | grep -Ex "$1" || true
}

mounted() { # CONTAINER PLACE: where on this machine that is
    docker inspect -f "{{range .Mounts}}{{if eq .Destination \"$2\"}}{{.Source}}{{end}}{{end}}" "$1"
}

foreign() { # CONTAINER: names of volumes that are more than directories of this machine
    local name
    for name in $(docker inspect -f '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}' "$1"); do
        [[ $(docker volume inspect -f '{{.Driver}} {{len .Options}}' "$name") == "local 0" ]] || printf '%s\n' "$name"
    done
}

variable() { # CONTAINER NAME: of its environment
    docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$1" | sed -n "s/^$2=//p" | tail -n 1
}

key_of() { # CONTAINER: exports SECRET_KEY and SECRET_KEY_FALLBACKS, or where they are
    local name place
    for name in SECRET_KEY SECRET_KEY_FALLBACKS; do
        place=$(variable "$1" "${name}_FILE")
        if [[ -n $place ]]; then
            export "${name}_FILE=$(mounted "$1" "$place")"
        else
            export "$name=$(variable "$1" "$name")"
        fi
    done
}

find_stack_stores() { # sets what find_stores does, from admin-api's container
    local admin url remote
    admin=$(services_like 'admin-api(-1)?')
    [[ -n $admin ]] || die "--compose $compose_file: there is no container of admin-api; start the stack first"
    admin=${containers[$admin]}
    data_dir=$(mounted "$admin" /data)
    [[ -d $data_dir ]] || die "$data_dir, the volume of archives, is not on this machine: run it where the engine is"
    remote=$(foreign "$admin")
    [[ -z $remote ]] || mountpoint -q "$data_dir" ||
        die "volume $remote is another machine's and not mounted at $data_dir: mount it there, then run this again"
    key_of "$admin"
    url=$(variable "$admin" DB_URL)
    case $url in
        sqlite:////db/*) database=sqlite db_place=$(mounted "$admin" /db)/${url#sqlite:////db/} ;;
        '') database=postgres postgres=${containers[postgres]:-} ;;
        *) die "DB_URL of admin-api's container is $url: give sqlite:////db/NAME, or DB_URL_FILE with PostgreSQL's address" ;;
    esac
    [[ $database == sqlite || -n $postgres ]] || # elsewhere: by the address that admin-api has
        hide_password "$(sed 's|^psql:|postgresql:|' "$(mounted "$admin" "$(variable "$admin" DB_URL_FILE)")")"
    [[ -z ${postgres:-} ]] || use_postgres_of_the_stack
}

# Its own tools of its own version, over the socket that asks for no password.
use_postgres_of_the_stack() {
    in_postgres() { # COMMAND ARGUMENT…
        docker exec -i "$postgres" "$@"
    }
    pg() {
        # shellcheck disable=SC2016
        in_postgres sh -c 'tool=$1; shift; exec "$tool" "$@" -U "$POSTGRES_USER" --dbname="$POSTGRES_DB"' sh "$@"
    }
    pg_list() {
        in_postgres pg_restore "$@" --file=-
    }
}

running() { # SERVICE…: those of them that run
    local name
    for name in "$@"; do
        [[ $(docker inspect -f '{{.State.Running}}' "${containers[$name]}") != true ]] || printf '%s\n' "$name"
    done
}

start_database() { # if it is the stack's
    local tries
    [[ -n ${postgres:-} ]] || return 0
    docker start "$postgres" > /dev/null || die "the stack's PostgreSQL does not start: see above"
    for ((tries = 0; tries < 600; tries++)); do # by TCP: while it is made it listens on its socket alone
        # shellcheck disable=SC2016
        ! in_postgres sh -c 'pg_isready -q -h 127.0.0.1 -U "$POSTGRES_USER"' || return 0
        sleep 0.2
    done
    die "PostgreSQL does not answer after two minutes: see ${compose_program[*]} -f $compose_file logs postgres"
}
