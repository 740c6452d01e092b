#!/usr/bin/env bash
# Benchmarks: `make bench`. They are not part of the tests. Generates events and a GeoIP database with the sample tool, and
# prints how long each entry point takes beside a baseline query over the same rows: medians of five rounds in turn, one
# process. Then prints the memory that travel.detect takes for one key with very many events.
#
#   EVENTS (2000000), KEYS (20000), NETWORKS (300000), BIG (20000000; 0 skips that part)
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
EVENTS=${EVENTS:-2000000} KEYS=${KEYS:-20000} NETWORKS=${NETWORKS:-300000} BIG=${BIG:-20000000}

prepare

heading "Data: $EVENTS events of $KEYS keys, $NETWORKS networks"
mkdir -p "$WORK/bench"
"$sample" bench-geoip "$WORK/bench" --networks "$NETWORKS"
trap server_drop EXIT
server_start bench 'shared_buffers = 1GB' 'max_wal_size = 16GB' 'fsync = off' 'autovacuum = off' \
    "impossible_travel.geoip_path = '$SERVERS/bench/files/geoip'"
server_copy geoip "$WORK/bench/Bench-City.mmdb" >/dev/null
run_psql --quiet --command 'CREATE EXTENSION impossible_travel'
run_psql --quiet --command 'CREATE TABLE events (event_time timestamptz, source_ip inet, access_key_id text, event_id text)'
"$sample" bench-cloudtrail --events "$EVENTS" --keys "$KEYS" --networks "$NETWORKS" |
    run_psql --quiet --command '\copy events FROM STDIN (FORMAT csv)'
run_psql --quiet --command 'CREATE TABLE raw (event_time timestamptz, source_ip inet, access_key_id text, event_id text, record jsonb)'
"$sample" bench-cloudtrail --events "$((EVENTS / 10))" --keys "$KEYS" --networks "$NETWORKS" --with-records |
    run_psql --quiet --command '\copy raw FROM STDIN (FORMAT csv)'
run_psql --quiet <<'SQL'
CREATE INDEX ON events (access_key_id, event_time) INCLUDE (source_ip);
CREATE INDEX ON events (event_time);
CREATE TABLE records AS SELECT record FROM raw;
CREATE TABLE addresses AS SELECT DISTINCT source_ip AS ip FROM events;
VACUUM ANALYZE;
SQL

heading 'Each entry point beside a baseline query'
run_psql --quiet --file bench/entry_points_measure.sql

if [ "$BIG" -gt 0 ]; then
    heading "One key with $BIG events, in travel.detect"
    run_psql --quiet --command 'CREATE UNLOGGED TABLE big (LIKE events)'
    "$sample" bench-cloudtrail --events "$BIG" --keys 1 --networks "$NETWORKS" |
        run_psql --quiet --command '\copy big FROM STDIN (FORMAT csv)'
    run_psql --quiet --command 'VACUUM ANALYZE big'
    peak_memory 'SET max_parallel_workers_per_gather = 0; SET impossible_travel.coverage_notice = off' \
        "SELECT count(*) FROM travel.detect('big')"
    note "$TOOK s, $PEAK_MB MB of private memory at the peak, $BEFORE_MB MB before"
fi
