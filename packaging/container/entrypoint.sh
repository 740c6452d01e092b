#!/usr/bin/env bash
# Checks what would make a container of this image lose or hide data, then runs the entrypoint of the base:
#
#   entrypoint.sh [postgres] [OPTION…]   refuses to start a server whose data is, or would be, in the wrong place
#   entrypoint.sh COMMAND…               runs another command, without a check
#
# The checks come before initdb, because the base never initializes a server a second time.
set -euo pipefail

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Prints the folder of the host or of the volume that is mounted at PATH, or nothing.
mounted_at() { awk -v path="$1" '$5 == path { root = $4 } END { print root }' /proc/self/mountinfo; }

# The place of the official images before version 18, which declare a volume there. A container gets an anonymous volume,
# whose name is 64 hexadecimal digits, if it does not mount one itself.
check_mount() {
    local old=/var/lib/postgresql/data root
    case $PGDATA/ in "$old"/*) return ;; esac
    root=$(mounted_at "$old")
    if [ -n "$root" ] && ! [[ $root =~ /[0-9a-f]{64}(/_data)?$ ]]; then
        die "a volume is mounted at $old, but this image keeps its data in $PGDATA: mount the volume at /var/lib/postgresql"
    fi
}

check_other_versions() {
    local other
    for other in /var/lib/postgresql/*/docker/PG_VERSION; do
        [ ! -s "$other" ] || die "the volume has the data of PostgreSQL $(cat "$other") in ${other%/*}, which is not the" \
            "version of this image. docs/install.md says how to upgrade: dump the databases with an image for the old" \
            "version, and restore them into a new volume"
    done
}

check_new_server() {
    check_mount
    check_other_versions
    case ${TRAVEL_SAMPLE:-off} in
    on | off) ;;
    *) die "TRAVEL_SAMPLE is '$TRAVEL_SAMPLE', but must be on or off" ;;
    esac
}

# Only initdb of this image includes its settings. A server from elsewhere, such as a base backup, is used as it is.
check_existing_server() {
    if [ ! -e "$PGDATA/impossible_travel.initialized" ] &&
        grep -qsF /etc/postgresql/impossible_travel.conf "$PGDATA/postgresql.conf"; then
        die "the first start of the server in $PGDATA failed, and its messages say why. Remove its volume, which has no" \
            'events yet, and start again. If you created this server yourself, such as for pg_upgrade, create the empty' \
            'file impossible_travel.initialized in that folder instead'
    fi
}

case ${1:-} in
postgres | -*)
    if [ -s "$PGDATA/PG_VERSION" ]; then check_existing_server; else check_new_server; fi
    ;;
esac
exec docker-entrypoint.sh "$@"
