#!/usr/bin/env bash
# Starts PostgreSQL in an image whose base has no entrypoint, such as Debian. It does what the entrypoint of the official
# image of PostgreSQL does, with the same variables and folders, as far as this image needs it:
#
#   docker-entrypoint.sh [postgres] [OPTION…]   creates the server in PGDATA if there is none, and starts it
#   docker-entrypoint.sh COMMAND…               runs another command
#
# POSTGRES_PASSWORD is the password of the superuser, which a new server must have, POSTGRES_USER the superuser's name and
# POSTGRES_DB a database to create. A new server runs the scripts of /docker-entrypoint-initdb.d, before anyone can
# connect over the network.
set -euo pipefail

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

case ${1:-} in -*) set -- postgres "$@" ;; esac
[ "${1:-}" = postgres ] || exec "$@"
[ "$(id -u)" != 0 ] || die 'PostgreSQL does not run as root; run the container as the user postgres'

create_server() {
    export POSTGRES_USER=${POSTGRES_USER:-postgres}
    export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
    [ -n "${POSTGRES_PASSWORD:-}" ] || die 'set POSTGRES_PASSWORD to the password of the superuser of the new server'
    mkdir -p "$PGDATA"
    initdb --pgdata "$PGDATA" --username "$POSTGRES_USER" --pwfile <(printf '%s\n' "$POSTGRES_PASSWORD") \
        --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --no-instructions
    printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"

    pg_ctl --pgdata "$PGDATA" --wait --timeout 300 --options "-c listen_addresses=''" start
    if [ "$POSTGRES_DB" != postgres ]; then createdb --username "$POSTGRES_USER" --maintenance-db postgres "$POSTGRES_DB"; fi
    local script
    for script in /docker-entrypoint-initdb.d/*.sh; do
        printf 'Running %s\n' "$script"
        "$script"
    done
    pg_ctl --pgdata "$PGDATA" --wait --timeout 300 --mode fast stop
}

[ -s "$PGDATA/PG_VERSION" ] || create_server
exec "$@"
