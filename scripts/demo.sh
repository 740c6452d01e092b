#!/usr/bin/env bash
# The demo: starts a private server, loads CloudTrail files and shows the impossible travel in them.
#
#   scripts/demo.sh        loads the data and shows it (make demo)
#   scripts/demo.sh psql   opens psql on the same data (make psql); loads it first if it is not there
#
# CLOUDTRAIL is a folder of CloudTrail files, GEOIP a folder of GeoIP databases or one file. The default is the sample.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. "$ROOT/scripts/lib/server.sh"

mode=${1:-show}
"$ROOT/scripts/setup.sh"
"$ROOT/scripts/install.sh" --if-changed
if [ -z "${CLOUDTRAIL:-}" ] || [ -z "${GEOIP:-}" ]; then make_sample; fi
cloudtrail=${CLOUDTRAIL:-$WORK/sample/cloudtrail}
geoip=${GEOIP:-$WORK/sample/geoip}
[ -e "$cloudtrail" ] || die "CLOUDTRAIL=$cloudtrail does not exist"
[ -e "$geoip" ] || die "GEOIP=$geoip does not exist"

# Identifies what the data was made of. `make psql` uses the data again while this is unchanged.
recipe() {
    printf '%s\n' "$cloudtrail" "$geoip" "$PG_CONFIG"
    cat "$WORK"/installed-* "$WORK/sample/made-by" 2>/dev/null || true
}

load() {
    # The server reads the files as its own user, so it gets copies in a folder whose name is known beforehand.
    server_start demo "impossible_travel.geoip_path = '$SERVERS/demo/files/geoip'"
    if [ -d "$geoip" ]; then
        local databases
        databases=$(find -L "$geoip" -maxdepth 1 -name '*.mmdb')
        [ -n "$databases" ] || die "there is no .mmdb file in $geoip"
        server_copy geoip "$geoip"/*.mmdb >/dev/null
    else
        server_copy geoip "$geoip" >/dev/null
    fi
    "$(pg_bin createdb)" demo
    export PGDATABASE=demo
    run_psql --quiet <<'SQL'
        CREATE EXTENSION impossible_travel;
        SELECT travel.create_events_table('cloudtrail') \g /dev/null
SQL
    run_psql --quiet --output /dev/null --set "folder=$(server_copy cloudtrail "$cloudtrail")" <<'SQL'
        CALL travel.load_files('cloudtrail', :'folder');
        ANALYZE;
SQL
    mkdir -p "$WORK"
    recipe >"$WORK/demo-recipe"
}

trap server_stop EXIT
case $mode in
show)
    load
    # The demo explains more about the sample than it could about other files.
    sample=1
    if [ -n "${CLOUDTRAIL:-}" ] || [ -n "${GEOIP:-}" ]; then sample=0; fi
    run_psql --quiet --set "sample=$sample" --file "$ROOT/scripts/demo.sql"
    run_psql --quiet --no-align --tuples-only --output "$ROOT/demo.html" --command 'SELECT travel.map_html()'
    note "Alerts on a map, as a page for your browser: $ROOT/demo.html"
    printf '\n'
    ;;
psql)
    if server_exists demo && [ "$(cat "$WORK/demo-recipe" 2>/dev/null)" = "$(recipe)" ]; then
        server_resume demo
    else
        note 'Loading the data first'
        load
    fi
    export PGDATABASE=demo
    note "The events are in the table cloudtrail. The server stops when you quit psql."
    # Not run_psql: an interactive session uses the reader's own ~/.psqlrc and continues after errors.
    "$(pg_bin psql)" || true
    ;;
*) die "unknown mode: $mode" ;;
esac
