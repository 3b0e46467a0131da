#!/bin/sh
# Uploads files, directories or standard input to a ticket of Logs Collector. Needs only a POSIX shell, curl and the
# usual small tools; goes on after any break of the line; checks by SHA-256 that what arrived is what was sent.
# The gateway serves it with address and token filled in: curl -fsS https://HOST/u/TOKEN.sh | sh -s -- FILE

uploader() {
    version=1.0.0
    url=''
    token=''
    part_blocks=256       # of at most 1 MiB: what of a stream is kept on the disk to be sent again
    tries_without_bytes=12
    quiet='' name='' proxy='' ca='' work=''

    usage() {
        cat << EOF
usage: uploader.sh [OPTION…] FILE|DIRECTORY|-…
Sends each FILE; packs a DIRECTORY as tar.gz on the fly; - is standard input (give it a name with -n).
  -f, --file FILE     the same as naming FILE
  -t, --token TOKEN   the upload token of the ticket
  -d, --domain HOST   where to: logs.example.com or https://logs.example.com (also --dst, -u, --url)
  -n, --name NAME     the archive's name, if it is not to be the file's
  -x, --proxy URL     through this proxy (else curl's own variables count)
      --cacert FILE   trust the certificate authorities in FILE
  -q, --quiet         say nothing but errors
  -v, --version       print the version
  -h, --help          this text
Ends with 0: all arrived, checked; 1: refused, and why; 2: wrong usage; 3: a tool is missing; 4: the line failed for too
long (run it again: it begins anew); 5: what arrived is not what was sent; 6: a file or directory could not be read.
Windows: curl.exe -T FILE https://HOST/u/TOKEN/
PowerShell: Invoke-RestMethod -Method Put -InFile FILE -Uri https://HOST/u/TOKEN/NAME
EOF
    }

    say() { [ -n "$quiet" ] || printf '%s\n' "$*" >&2; }
    fail() { printf 'uploader: %s\n' "$*" >&2; }

    # ask ARGUMENT…: one request; its status in $status (000: none came), head in $work/head, body in $work/body.
    ask() {
        : > "$work/head"
        : > "$work/body"
        set -- -q -g --connect-timeout 30 --speed-time 120 --speed-limit 1 -o "$work/body" -D "$work/head" \
            -w '%{http_code}' -H 'Accept: application/json' "$@"
        [ -z "$proxy" ] || set -- "$@" --proxy "$proxy"
        [ -z "$ca" ] || set -- "$@" --cacert "$ca"
        status=$(curl "$@" 2> "$work/error")
        code=$?
        case $code in
            5 | 58 | 66 | 90 | 91) # the proxy's name, certificates: trying again does not help
                fatal=$(cat "$work/error") ;;
            51 | 60 | 77 | 83)
                fatal="$(head -n 1 "$work/error") (--cacert FILE names the authorities to trust)" ;;
        esac
        if [ "$code" -ne 0 ] && [ "${status:-0}" -lt 400 ]; then status=000; fi # it broke off amid an answer
    }

    # field NAME: of the last answer's head.
    field() {
        tr -d '\r' < "$work/head" | awk -v name="$1" '
            { at = index($0, ":") }
            at > 1 && tolower(substr($0, 1, at - 1)) == tolower(name) { value = substr($0, at + 1) }
            END { sub(/^ +/, "", value); print value }'
    }

    detail() {
        why=$(sed -n 's/.*"detail" *: *"\([^"]*\)".*/\1/p' "$work/body" | head -n 1)
        [ -n "$why" ] || why=$(head -c 200 "$work/body" | tr -d '\000-\037')
        printf '%s (HTTP %s)' "${why:-no reason given}" "$status"
    }

    # base64 of the arguments' bytes: not every system has a program for it.
    base64_of() {
        printf '%s' "$1" | od -An -v -tu1 | tr -s ' ' '\n' | awk '
            BEGIN { a = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" }
            function put(n) { return substr(a, n + 1, 1) }
            NF { b[c++] = $1 }
            c == 3 { printf "%s%s%s%s", put(int(b[0] / 4)), put(b[0] % 4 * 16 + int(b[1] / 16)),
                     put(b[1] % 16 * 4 + int(b[2] / 64)), put(b[2] % 64); c = 0 }
            END { if (c == 1) printf "%s%s==", put(int(b[0] / 4)), put(b[0] % 4 * 16)
                  if (c == 2) printf "%s%s%s=", put(int(b[0] / 4)), put(b[0] % 4 * 16 + int(b[1] / 16)),
                              put(b[1] % 16 * 4) }'
    }

    # sha256 of standard input; empty if no tool can.
    digest() {
        if command -v sha256sum > /dev/null; then sha256sum
        elif command -v shasum > /dev/null; then shasum -a 256
        elif command -v openssl > /dev/null; then openssl dgst -sha256 -r
        else cat > /dev/null
        fi | cut -d ' ' -f 1
    }

    # first COUNT FILE FROM: COUNT bytes of FILE from offset FROM on.
    first() { tail -c "+$(($3 + 1))" "$2" | head -c "$1"; }

    # The wait before another try: what the server asks for, else longer each time, never quite the same.
    pause() {
        tries=$((tries + 1))
        if [ "$tries" -gt "$tries_without_bytes" ]; then
            fail "gave up on $title after $tries tries without progress: ${last:-no answer}"
            return 1
        fi
        delay=$(field Retry-After)
        case $delay in
            '' | *[!0-9]*) delay=$((tries < 6 ? 1 << (tries - 1) : 30)) ;;
        esac
        [ "$delay" -le 60 ] || delay=60
        say "$title: ${last:-the line broke}; trying again in $delay s"
        sleep "$delay.$(($$ % 10))" 2> /dev/null || sleep "$delay"
    }

    # after_failure: 0: try again; otherwise the exit code.
    after_failure() {
        if [ -n "$fatal" ]; then
            fail "$title: $fatal"
            return 1
        fi
        last=$(detail)
        case $status in
            000) last=$(sed 's/^curl: ([0-9]*) //' "$work/error" | head -n 1) ;;
            408 | 409 | 429 | 460 | 5??) ;;
            400)
                if grep -q '"name_' "$work/body"; then last="$last; -n NAME gives it another name"; fi
                grep -q '"truncated"' "$work/body" || { fail "$title: $last"; return 1; } ;;
            423) [ -n "$(field Retry-After)" ] || { fail "$title: $last"; return 1; } ;;
            *) fail "$title: $last"; return 1 ;;
        esac
        pause || return 4
    }

    # fitting NAME: within the 255 bytes that the server takes, cut before its extension, never within a character.
    fitting() {
        if [ "$(printf '%s' "$1" | wc -c)" -le 255 ]; then
            printf '%s' "$1"
            return
        fi
        case $1 in
            ?*.*) end=.${1##*.} ;;
            *) end='' ;;
        esac
        [ "$(printf '%s' "$end" | wc -c)" -le 40 ] || end=''
        keep=$((255 - $(printf '%s' "$end" | wc -c)))
        keep=$(printf '%s' "$1" | head -c "$keep" | od -An -v -tu1 | tr -s ' ' '\n' | awk '
            NF { b[++n] = $1 }
            END {
                for (i = n; i > 1 && b[i] >= 128 && b[i] < 192; i--) continue
                bytes = b[i] < 192 ? 1 : b[i] < 224 ? 2 : b[i] < 240 ? 3 : 4
                print n - i + 1 < bytes ? i - 1 : n
            }')
        printf '%s%s' "$(printf '%s' "$1" | head -c "$keep")" "$end"
    }

    # create LENGTH|'': $upload is the new upload's address.
    create() {
        tries=0
        while :; do
            if [ -n "$1" ]; then length="Upload-Length: $1"; else length='Upload-Defer-Length: 1'; fi
            ask -sS -X POST -H 'Tus-Resumable: 1.0.0' -H "Upload-Token: $token" -H "$length" -H 'Content-Length: 0' \
                -H "Upload-Metadata: filename $(base64_of "$title")" "$url/api/v1/uploads/"
            if [ "$status" = 201 ]; then
                upload=$(field Location)
                upload=$url/api/v1/uploads/${upload##*/}
                return 0
            fi
            after_failure || return $?
        done
    }

    # where: 0 with what the server has in $offset, and $arrived (a SHA-256) once it has all; 9: it knows nothing of it.
    where() {
        tries=${tries:-0}
        while :; do
            ask -sS -I -H 'Tus-Resumable: 1.0.0' "$upload"
            if [ "$status" = 200 ]; then
                offset=$(field Upload-Offset)
                arrived=$(field Upload-Sha256)
                return 0
            fi
            case $status in
                404 | 410) return 9 ;;
            esac
            after_failure || return $?
        done
    }

    # receipt SHA256: did it arrive under this token? Asked when the upload itself is no longer known.
    receipt() {
        [ -n "$1" ] || return 1
        ask -sS "$url/u/$token"
        [ "$status" = 200 ] && grep -q "\"$1\"" "$work/body"
    }

    # part FILE FROM COUNT [LENGTH]: sends it as the upload's bytes at $offset; the answer decides what follows.
    part() {
        set -- "$1" "$2" "$3" -X PATCH -H 'Tus-Resumable: 1.0.0' -H "Upload-Offset: $offset" \
            -H 'Content-Type: application/offset+octet-stream' ${4:+-H "Upload-Length: $4"} "$upload"
        file=$1 from=$2 count=$3
        shift 3
        if [ -t 2 ] && [ -z "$quiet" ]; then set -- --progress-bar --stderr /dev/tty "$@"; else set -- -sS "$@"; fi
        if [ "$count" -eq 0 ]; then
            ask -H 'Content-Length: 0' "$@"
        elif [ -s "$file" ] && [ "$(wc -c < "$file")" -eq $((from + count)) ]; then
            [ "$from" -eq 0 ] || set -- -C "$from" -H 'Content-Range:' "$@"
            ask -T "$file" "$@"
        else # it grows while it is read, as logs do, or has no size, as in /proc: what was there at the beginning is sent
            first "$count" "$file" "$from" | ask_piped "$@"
        fi
    }

    # ask in a pipe runs in a shell of its own: its result comes back by files.
    ask_piped() {
        ask -T - "$@"
        printf '%s\n' "$status" > "$work/status"
    }

    # withdraw WHY: what has arrived of it is no archive.
    withdraw() {
        ask -sS -X DELETE -H 'Tus-Resumable: 1.0.0' "$upload"
        fail "$title: $1; nothing was handed in"
    }

    # send FILE START END [LENGTH]: the upload's bytes START to END are FILE's; until the server has them all.
    send() {
        tries=0 best=$2
        while :; do
            if [ "$offset" -ge "$3" ] && { [ -z "$4" ] || [ -n "$arrived" ]; }; then return 0; fi
            if [ "$(wc -c < "$1")" -lt $(($3 - $2)) ]; then
                withdraw 'it became shorter while it was sent'
                return 6
            fi
            before=$offset
            : > "$work/status"
            part "$1" $((offset - $2)) $(($3 - offset)) "$4"
            [ ! -s "$work/status" ] || status=$(cat "$work/status")
            if [ "$status" = 204 ]; then
                offset=$(field Upload-Offset)
                arrived=$(field Upload-Sha256)
                if [ "$offset" = "$before" ] && [ -z "$arrived" ]; then # nothing of the file was read, for one
                    last='the server has no more than before'
                    pause || return 4
                fi
            else
                if [ "$status" != 404 ] && [ "$status" != 410 ]; then after_failure || return $?; fi
                where || return $?
            fi
            [ "$offset" -le "$best" ] || { best=$offset; tries=0; }
        done
    }

    # check SHA256: what was sent against what arrived.
    check() {
        if [ -z "$1" ]; then
            say "$title: arrived, $offset bytes (not checked: no sha256sum, shasum or openssl here)"
        elif [ "$1" = "$arrived" ]; then
            say "$title: arrived, $offset bytes, SHA-256 $arrived"
        else
            fail "$title: what arrived ($arrived) is not what was sent ($1)"
            return 5
        fi
    }

    send_file() {
        size=$(wc -c < "$1") || return 6
        size=$((size))
        if [ "$size" -eq 0 ]; then
            fail "$title: it is empty"
            return 1
        fi
        begun=0
        while :; do
            begun=$((begun + 1)) offset=0 arrived=
            create "$size" || return $?
            send "$1" 0 "$size" "$size"
            result=$?
            if [ "$result" -ne 0 ] && [ "$result" -ne 9 ]; then return "$result"; fi
            sum=$(first "$size" "$1" 0 | digest)
            [ "$result" -eq 9 ] || { check "$sum"; return $?; }
            if receipt "$sum"; then
                arrived=$sum offset=$size
                check "$sum"
                return $?
            fi
            if [ "$begun" -ge 3 ]; then
                fail "$title: the server forgot the upload again and again"
                return 4
            fi
            say "$title: the server does not know the upload any more; beginning anew"
        done
    }

    # send_stream: standard input, of unknown length, a part at a time.
    send_stream() {
        offset=0 arrived='' total=0
        create '' || return $?
        while dd bs=1048576 count="$part_blocks" of="$work/part" 2> /dev/null && [ -s "$work/part" ]; do
            size=$(wc -c < "$work/part")
            send "$work/part" "$total" $((total + size)) '' || return $?
            total=$((total + size))
        done
        if [ "$total" -eq 0 ]; then
            fail "$title: nothing came"
            return 6
        fi
        while [ ! -s "$work/packed" ]; do sleep 1; done
        if [ "$(cat "$work/packed")" != 0 ]; then
            withdraw 'it could not be read whole'
            return 6
        fi
        : > "$work/part"
        send "$work/part" "$total" "$total" "$total" || return $?
        wait
    }

    # stream COMMAND…: sends what it writes.
    stream() {
        rm -f "$work/copy" "$work/packed"
        mkfifo "$work/copy" || return 6
        digest < "$work/copy" > "$work/sum" &
        {
            "$@"
            echo $? > "$work/packed.new"
            mv "$work/packed.new" "$work/packed"
        } | tee "$work/copy" | {
            send_stream
            result=$?
            printf '%s\n' "$result" "$offset" "$arrived" > "$work/result"
            [ "$result" -eq 0 ] || cat > /dev/null
        }
        wait
        { read -r result; read -r offset; read -r arrived; } < "$work/result"
        [ "$result" -eq 0 ] || return "$result"
        check "$(cat "$work/sum")"
    }

    pack() { # tar ends with 1 where a file changed while it was read: it is in the archive all the same
        tar -czf - -C "$1/.." "./$(cd "$1" && basename "$(pwd)")"
        packed=$?
        [ "$packed" -gt 1 ] || packed=0
        return "$packed"
    }

    one() {
        fatal=''
        case $1 in
            -) title=$(fitting "${name:-stdin}"); stream cat; return ;;
        esac
        if [ ! -r "$1" ]; then
            fail "$1: cannot be read"
            return 6
        fi
        if [ -d "$1" ]; then
            title=$(cd "$1" && basename "$(pwd)")
            title=$(fitting "${name:-$title.tar.gz}")
            stream pack "$1"
        else
            title=$(fitting "${name:-$(basename -- "$1")}")
            case $1 in
                -*) send_file "./$1" ;;
                *) send_file "$1" ;;
            esac
        fi
    }

    [ $# -gt 0 ] || { usage; return 2; }
    count=$#
    while [ "$count" -gt 0 ]; do
        case $1 in
            -f | --file | -t | --token | -d | --domain | --dst | -u | --url | -n | --name | -x | --proxy | --cacert)
                [ "$count" -ge 2 ] || { fail "$1 needs a value"; return 2; }
                case $1 in
                    -f | --file) set -- "$@" "$2" ;;
                    -t | --token) token=$2 ;;
                    -n | --name) name=$2 ;;
                    -x | --proxy) proxy=$2 ;;
                    --cacert) ca=$2 ;;
                    *) url=$2 ;;
                esac
                shift 2
                count=$((count - 2))
                continue ;;
            -q | --quiet) quiet=1 ;;
            -v | --version) printf '%s\n' "$version"; return 0 ;;
            -h | --help) usage; return 0 ;;
            -) set -- "$@" "$1" ;;
            --) shift; count=$((count - 1))
                while [ "$count" -gt 0 ]; do set -- "$@" "$1"; shift; count=$((count - 1)); done
                break ;;
            -*) fail "unknown option $1"; usage >&2; return 2 ;;
            *) set -- "$@" "$1" ;;
        esac
        shift
        count=$((count - 1))
    done
    [ $# -gt 0 ] || { fail 'name a file (-f FILE), a directory or - for standard input'; return 2; }
    [ -n "$token" ] || { fail 'give the upload token: -t TOKEN'; return 2; }
    [ -n "$url" ] || { fail 'say where to: -d HOST'; return 2; }
    case $url in
        http://* | https://*) ;;
        *://*) fail "$url: uploads go by https:// or http://"; return 2 ;;
        *) url=https://$url ;;
    esac
    rest=${url#*://}
    url=${url%%://*}://${rest%%/*}
    command -v curl > /dev/null || { fail 'curl is not installed; install it, or use another machine'; return 3; }
    work=$(mktemp -d) || { fail 'no temporary directory can be made; see TMPDIR'; return 3; }
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
    worst=0
    for argument; do
        one "$argument"
        result=$?
        [ "$result" -le "$worst" ] || worst=$result
    done
    return "$worst"
}

uploader "$@"
