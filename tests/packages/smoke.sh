#!/usr/bin/env bash
# Uses the installed extension in a new cluster. It runs in a fresh Debian, in a folder with the sample's files.
#
#   smoke.sh start BIN    starts a cluster with the programs in BIN, creates the extension, and detects the sample's legs
#   smoke.sh again        the same cluster still works, with the extension installed again
#   smoke.sh without      the same cluster still works after the package was removed
#   smoke.sh stop
set -euo pipefail

die() { printf 'smoke.sh: %s\n' "$*" >&2; exit 1; }
as_postgres() { (cd / && runuser -u postgres -- "$@"); }
sql() { as_postgres psql --no-psqlrc --set ON_ERROR_STOP=1 --quiet --tuples-only --no-align --host /var/tmp --dbname audit "$@"; }
# is WHAT EXPECTED QUERY
is() {
    local found
    found=$(sql --command "$3")
    [ "$found" = "$2" ] || die "$1: expected $2, found $found"
    printf 'ok - %s: %s\n' "$1" "$2"
}

start() {
    getent passwd postgres >/dev/null || useradd --system postgres
    # A folder that travel.locate looks into without any setting.
    mkdir -p /usr/share/GeoIP
    cp geoip/*.mmdb /usr/share/GeoIP/
    as_postgres "$1/initdb" --pgdata /var/tmp/cluster --auth trust --encoding UTF8 --no-locale --no-sync >/dev/null
    printf "listen_addresses = ''\nunix_socket_directories = '/var/tmp'\ntimezone = 'UTC'\n" >>/var/tmp/cluster/postgresql.conf
    as_postgres "$1/pg_ctl" --pgdata /var/tmp/cluster --log /var/tmp/cluster/log --wait start >/dev/null ||
        { cat /var/tmp/cluster/log; die 'the server does not start'; }
    as_postgres "$1/createdb" --host /var/tmp audit
    sql <<'SQL'
CREATE EXTENSION impossible_travel;
SELECT travel.create_events_table('cloudtrail') \g /dev/null
SELECT sum(inserted) AS events
FROM pg_ls_dir('/test/cloudtrail') AS file
CROSS JOIN LATERAL travel.ingest('cloudtrail', pg_read_file('/test/cloudtrail/' || file)) \g /dev/null
SELECT travel.create_rule('access_key', 'cloudtrail') \g /dev/null
CALL travel.scan();
SQL
    is 'the version of the extension' "$(cat version)" "SELECT extversion FROM pg_extension WHERE extname = 'impossible_travel'"
    detects
    is 'alerts of the rule access_key' 5 'SELECT count(*) FROM travel.alerts'
}

detects() { is 'impossible legs of the sample' 13 "SELECT count(*) FROM travel.detect('cloudtrail')"; }

without() {
    local said
    is 'rows of the verdicts, without the package' t 'SELECT count(*) > 0 FROM travel.verdicts'
    if said=$(sql --command "SELECT count(*) FROM travel.detect('cloudtrail')" 2>&1); then
        die 'travel.detect works without the package'
    fi
    case $said in
    *'could not access file'*impossible_travel*) printf 'ok - without the package, travel.detect is an error: %s\n' "${said%%$'\n'*}" ;;
    *) die "without the package, travel.detect says: $said" ;;
    esac
}

stop() { kill -s INT "$(head -n 1 /var/tmp/cluster/postmaster.pid)"; }

case ${1:-} in
start) PATH="$2:$PATH"; start "$2" ;;
again) detects ;;
without | stop) "$1" ;;
*) die "unknown command: ${1:-}" ;;
esac
