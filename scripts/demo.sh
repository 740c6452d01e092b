#!/usr/bin/env bash
# The demo: a private server, the extension, CloudTrail files, and what an analyst wants to see of them.
#
#   scripts/demo.sh        load and show (make demo)
#   scripts/demo.sh psql   a psql on the same data (make psql); loads them first if they are not there
#
# CLOUDTRAIL: a folder of CloudTrail files, GEOIP: a folder or a file of GeoIP databases; the sample's by default.
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
[ -e "$cloudtrail" ] || die "CLOUDTRAIL=$cloudtrail is not there"
[ -e "$geoip" ] || die "GEOIP=$geoip is not there"

# What the data were made of; `make psql` uses them again while this is the same.
recipe() {
    printf '%s\n' "$cloudtrail" "$geoip" "$PG_CONFIG"
    cat "$WORK"/installed-* "$WORK/sample/made-by" 2>/dev/null || true
}

load() {
    # The server reads the databases as its own user, so it gets copies; the name of the folder is known beforehand.
    server_start demo "impossible_travel.geoip_path = '$SERVERS/demo/files/geoip'"
    if [ -d "$geoip" ]; then
        local databases
        databases=$(find -L "$geoip" -maxdepth 1 -name '*.mmdb')
        [ -n "$databases" ] || die "no .mmdb file in $geoip"
        server_copy geoip "$geoip"/*.mmdb >/dev/null
    else
        server_copy geoip "$geoip" >/dev/null
    fi
    "$(pg_bin createdb)" demo
    export PGDATABASE=demo
    run_psql --quiet <<'SQL'
        CREATE EXTENSION impossible_travel;
        SELECT travel.create_events_table('cloudtrail') \g /dev/null
        CREATE TABLE document (file text, body text);
SQL
    load_documents "$cloudtrail" document
    run_psql --quiet <<'SQL'
        CREATE TABLE loaded AS
            SELECT file, i.* FROM document CROSS JOIN LATERAL travel.ingest('cloudtrail', body) AS i;
        DROP TABLE document;
        ANALYZE;
SQL
    local file
    while IFS= read -r file; do
        complain "$file: nothing was loaded"
    done < <(run_psql --quiet --tuples-only --no-align \
        --command 'SELECT file FROM loaded WHERE skipped > 0 AND skipped = records ORDER BY file')
    mkdir -p "$WORK"
    recipe >"$WORK/demo-recipe"
}

trap server_stop EXIT
case $mode in
show)
    load
    # Of the sample more can be told than of the reader's own files.
    sample=1
    if [ -n "${CLOUDTRAIL:-}" ] || [ -n "${GEOIP:-}" ]; then sample=0; fi
    run_psql --quiet --set "sample=$sample" --file "$ROOT/scripts/demo.sql"
    ;;
psql)
    if server_exists demo && [ "$(cat "$WORK/demo-recipe" 2>/dev/null)" = "$(recipe)" ]; then
        server_resume demo
    else
        note 'Loading the data first.'
        load
    fi
    export PGDATABASE=demo
    note "The events are in the table cloudtrail. The server stops when you leave."
    # Not run_psql: an interactive session has the reader's own settings and survives errors.
    "$(pg_bin psql)" || true
    ;;
*) die "no mode $mode" ;;
esac
