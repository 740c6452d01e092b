#!/usr/bin/env bash
# Measures detection and scans on a cluster of Citus, beside a plain table with the same events: `make bench-citus`. It
# is not part of the tests, and needs a server with Citus, which PG_CONFIG names. The coordinator and two workers run on
# this machine, so the times show what is computed and moved, not what more machines gain. Prints medians of rounds in
# turn, after one that is not counted, in one session.
#
#   EVENTS (300000), KEYS (5000), NETWORKS (300000), ROUNDS (5)
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
EVENTS=${EVENTS:-300000} KEYS=${KEYS:-5000} NETWORKS=${NETWORKS:-300000} ROUNDS=${ROUNDS:-5}

[ -f "$("$PG_CONFIG" --sharedir)/extension/citus.control" ] || die "Citus is not installed for $PG_CONFIG"
prepare
mkdir -p "$WORK/bench"
"$sample" bench-geoip "$WORK/bench" --networks "$NETWORKS"
drop_nodes() {
    local name
    for name in citus-coordinator citus-1 citus-2; do
        server_at "bench-$name"
        server_drop
    done
}
trap drop_nodes EXIT
node() {
    server_start "bench-$1" "shared_preload_libraries = 'citus'" 'max_prepared_transactions = 100' 'shared_buffers = 512MB' \
        'max_wal_size = 8GB' 'jit = off' 'impossible_travel.coverage_notice = off' \
        "impossible_travel.geoip_path = '$SERVERS/bench-$1/files/geoip'"
    server_copy geoip "$WORK/bench/Bench-City.mmdb" >/dev/null
    run_psql --quiet --command 'CREATE EXTENSION citus' --command 'CREATE EXTENSION citus_columnar'
}
node citus-1
first=$PGHOST
node citus-2
second=$PGHOST
node citus-coordinator

heading "Data: $EVENTS events of $KEYS keys, in a plain table and in one that Citus distributes by the key"
run_psql --quiet --output /dev/null <<SQL
SELECT citus_set_coordinator_host('$PGHOST', $PGPORT), citus_add_node('$first', $PGPORT), citus_add_node('$second', $PGPORT);
CREATE EXTENSION impossible_travel;
SET client_min_messages = error;
CREATE TABLE raw (event_time timestamptz, source_ip inet, access_key_id text, event_id text);
SQL
"$sample" bench-cloudtrail --events "$EVENTS" --keys "$KEYS" --networks "$NETWORKS" |
    run_psql --quiet --command '\copy raw FROM STDIN (FORMAT csv)'
run_psql --quiet --output /dev/null --file bench/citus_data.sql

heading 'The same statements over both tables'
run_psql --quiet --output /dev/null --set rounds="$ROUNDS" --file bench/citus_measure.sql
run_psql --quiet <<'SQL'
\pset footer off
SELECT what, round(plain) AS "plain, ms (median)", round(distributed) AS "distributed, ms (median)",
       round((distributed / plain)::numeric, 2) AS "ratio", target AS "target: at most", round(columnar) AS "columnar, ms (median)"
FROM results ORDER BY n;
SELECT pg_size_pretty(pg_table_size('plain')) AS "plain table", pg_size_pretty(pg_total_relation_size('plain')) AS "with its indexes",
       pg_size_pretty(pg_table_size('columnar')) AS "columnar table";
SQL
