# shellcheck shell=bash
# Private PostgreSQL servers, each with a Unix socket only, in a folder of its own, never run as root. To be sourced after
# common.sh.
#
#   server_start NAME [SETTING…]   starts a new server; settings are lines of postgresql.conf, and the array INITDB has
#                                  more options for initdb
#   server_resume NAME             starts the server NAME again, with its data
#   server_stop                    stops the server and keeps its folder
#   server_drop                    stops the server and removes its folder
#   run_psql [ARGUMENTS]           runs psql without the caller's ~/.psqlrc, and stops at the first error
#   load_documents FOLDER TABLE    loads CloudTrail files into TABLE (file text, body text)
#
# PGHOST, PGUSER and so on are set, so psql, createdb, pg_regress and other clients find the server.

# Root runs the server as the user that Debian's package created. That user cannot read /root, so servers always live
# here, in one folder for each checkout and user.
SERVERS=${TRAVEL_SERVERS:-/var/tmp/impossible_travel-$(id -u)-$(printf '%s' "$ROOT" | cksum | cut -d ' ' -f 1)}
SERVER_DIR=
INITDB=()

server_user() { if is_root; then printf 'postgres'; else id -un; fi; }

# Runs a command as the server's user, from a folder that this user may enter. RUST_BACKTRACE is set, as it often is in a
# Rust developer's shell: no error message may depend on it.
as_server() {
    if is_root; then
        (cd / && runuser -u postgres -- env -u XDG_RUNTIME_DIR RUST_BACKTRACE=1 HOME=/ "$@")
    else
        (cd / && RUST_BACKTRACE=1 "$@")
    fi
}

# Whether the folder of the servers, and the link that may lead to it, belong to the caller. Others can create it first,
# because its name is predictable, and could put links in place of the files in it.
servers_are_own() { [ -O "$SERVERS" ] && [ "$(stat --format %u "$SERVERS")" = "$(id -u)" ]; }

# Makes the folder of the servers, if it does not exist yet.
servers_folder() {
    [ -d "$SERVERS" ] || mkdir -m 0711 "$SERVERS"
    servers_are_own || die "$SERVERS belongs to another user; set TRAVEL_SERVERS to a folder of yours"
}

server_start() {
    server_at "$1"
    shift
    servers_folder
    server_stop
    rm -rf "${SERVER_DIR:?}"
    mkdir -m 0700 "$SERVER_DIR" "$SERVER_DIR/socket" "$SERVER_DIR/files"
    if is_root; then
        getent passwd postgres >/dev/null || die 'root runs the server as the user postgres, which does not exist'
        chown -R postgres "$SERVER_DIR"
    fi
    local said
    said=$(as_server "$(pg_bin initdb)" --pgdata "$SERVER_DIR/data" --username postgres --auth trust --encoding UTF8 \
        --no-locale --no-sync --no-instructions "${INITDB[@]}" 2>&1) || die "initdb failed: $said"
    {
        printf "listen_addresses = ''\nunix_socket_directories = '%s'\n" "$SERVER_DIR/socket"
        # Everyone who can connect to the socket is superuser, so only the server's user and root may.
        printf 'unix_socket_permissions = 0700\nfsync = off\nmax_connections = 40\n'
        printf "timezone = 'UTC'\nlog_timezone = 'UTC'\ndatestyle = 'ISO, MDY'\n"
        [ $# = 0 ] || printf '%s\n' "$@"
    } | as_server tee -a "$SERVER_DIR/data/postgresql.conf" >/dev/null
    server_up
}

server_resume() {
    server_at "$1"
    server_stop
    server_up
}

server_exists() { as_server test -f "${SERVERS:?}/$1/data/PG_VERSION"; }

server_stop() {
    # Idempotent, for traps: a stopped server is not an error.
    if [ -n "$SERVER_DIR" ] && as_server test -f "$SERVER_DIR/data/postmaster.pid"; then
        as_server "$(pg_bin pg_ctl)" --pgdata "$SERVER_DIR/data" --mode fast --wait --timeout 300 stop >/dev/null 2>&1 || true
    fi
}

server_drop() {
    server_stop
    [ -z "$SERVER_DIR" ] || rm -rf "${SERVER_DIR:?}"
    rmdir "$SERVERS" 2>/dev/null || true
}

# Prints the end of the server's log after a failure.
server_log() { tail -n 40 "$SERVER_DIR/log" >&2 || true; }

# Copies files or folders to a place that the server can read, and prints the place.
server_copy() {
    local place="$SERVER_DIR/files/$1"
    shift
    mkdir -p "$place"
    cp -RL -- "$@" "$place"
    if is_root; then chown -R postgres "$place"; fi
    printf '%s' "$place"
}

run_psql() { "$(pg_bin psql)" --no-psqlrc --set ON_ERROR_STOP=1 --pset pager=off "$@"; }

# Writes one row per file. In this form of CSV no character of JSON has a special meaning, and line breaks between the
# tokens of JSON can be removed. A file that cannot be read, or is not UTF-8, is left out.
load_documents() {
    local file name body
    find -L "$1" -type f \( -name '*.json.gz' -o -name '*.json' \) -print0 | LC_ALL=C sort -z |
        while IFS= read -r -d '' file; do
            if body=$(zcat -f -- "$file" | tr -d '\r\n\000\001\002' | iconv -f UTF-8 -t UTF-8 2>/dev/null); then
                name=$file
                case $name in
                *[![:print:]]*) name=$(printf '%s' "$file" | tr -d '\r\n\001\002' | iconv -c -f UTF-8 -t UTF-8) ;;
                esac
                [ -z "$body" ] || printf '%s\002%s\n' "$name" "$body"
            else
                complain "$file cannot be read and is left out"
            fi
        done |
        run_psql --quiet --command "COPY $2 (file, body) FROM STDIN
            WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
}

server_at() {
    SERVER_DIR="$SERVERS/$1"
    unset PGSERVICE PGSERVICEFILE PGPASSFILE PGOPTIONS PGSSLMODE PGHOSTADDR
    export PGHOST="$SERVER_DIR/socket" PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

server_up() {
    as_server "$(pg_bin pg_ctl)" --pgdata "$SERVER_DIR/data" --log "$SERVER_DIR/log" --wait --timeout 300 start \
        >/dev/null || { server_log; die 'the server did not start'; }
}
