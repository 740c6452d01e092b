#!/usr/bin/env bash
# How long a question about a month takes over a table of journeys per key and day, and over the events: `make
# bench-journeys`. It is not part of the tests. Prints medians of five rounds in turn, one process, and the size of both
# tables.
#
#   EVENTS (2000000), KEYS (1000), NETWORKS (300000)
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
EVENTS=${EVENTS:-2000000} KEYS=${KEYS:-1000} NETWORKS=${NETWORKS:-300000}

prepare

heading "Data: $EVENTS events of $KEYS keys in 30 days, $NETWORKS networks"
mkdir -p "$WORK/bench"
"$sample" bench-geoip "$WORK/bench" --networks "$NETWORKS"
trap server_drop EXIT
server_start bench-journeys 'shared_buffers = 1GB' 'max_wal_size = 16GB' 'fsync = off' 'autovacuum = off' \
    "impossible_travel.geoip_path = '$SERVERS/bench-journeys/files/geoip'"
server_copy geoip "$WORK/bench/Bench-City.mmdb" >/dev/null
run_psql --quiet --command 'CREATE EXTENSION impossible_travel'
run_psql --quiet --command 'CREATE TABLE events (event_time timestamptz, source_ip inet, access_key_id text, event_id text)'
"$sample" bench-cloudtrail --events "$EVENTS" --keys "$KEYS" --networks "$NETWORKS" |
    run_psql --quiet --command '\copy events FROM STDIN (FORMAT csv)'
run_psql --quiet <<'SQL'
SET work_mem = '512MB';
CREATE TABLE key_days AS
SELECT access_key_id, (event_time AT TIME ZONE 'UTC')::date AS day, travel.journey(event_time, source_ip) AS journey
FROM events GROUP BY 1, 2 ORDER BY 2, 1;
VACUUM ANALYZE;
SQL

heading 'A month of days beside its events'
run_psql --quiet --file bench/journeys_measure.sql
