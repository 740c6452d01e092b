#!/usr/bin/env bash
# Measures the ways of docs/install.md to evaluate the events of a managed service: a foreign table and logical
# replication. `bench/managed_service.sh` prints rows per second and seconds per query. Two databases of one server stand
# for the service and for one's own server, so the network has no part in the numbers.
#
#   EVENTS (1000000), KEYS (10000), NETWORKS (300000)
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
EVENTS=${EVENTS:-1000000} KEYS=${KEYS:-10000} NETWORKS=${NETWORKS:-300000}

prepare

heading "Data: $EVENTS events of $KEYS keys with their records"
mkdir -p "$WORK/bench"
"$sample" bench-geoip "$WORK/bench" --networks "$NETWORKS"
trap server_drop EXIT
server_start bench-managed 'shared_buffers = 1GB' 'max_wal_size = 16GB' 'fsync = on' 'wal_level = logical' \
    "impossible_travel.geoip_path = '$SERVERS/bench-managed/files/geoip'" 'impossible_travel.coverage_notice = off'
server_copy geoip "$WORK/bench/Bench-City.mmdb" >/dev/null

now() { date +%s.%N; }
took() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }
rate() { awk -v rows="$1" -v seconds="$2" 'BEGIN { printf "%d", rows / seconds }'; }
sql() { run_psql --quiet --no-align --tuples-only --command "$1"; }
# timed WHAT ROWS SQL: the seconds of a statement and, if there are rows, rows per second.
timed() {
    local began seconds
    began=$(now)
    PGOPTIONS='-c client_min_messages=error' sql "$3" >/dev/null
    seconds=$(took "$began")
    if [ "$2" = 0 ]; then note "$1: $seconds s"; else note "$1: $seconds s, $(rate "$2" "$seconds") rows/s"; fi
}
waits_for() { until [ "$(sql "$1")" = "$2" ]; do sleep 0.05; done; }

"$(pg_bin createdb)" service
"$(pg_bin createdb)" own
export PGDATABASE=service
sql 'CREATE TABLE cloudtrail (event_time timestamptz NOT NULL, source_ip inet, access_key_id text, event_id text PRIMARY KEY,
    record jsonb)'
"$sample" bench-cloudtrail --events "$EVENTS" --keys "$KEYS" --networks "$NETWORKS" --with-records |
    run_psql --quiet --command '\copy cloudtrail FROM STDIN (FORMAT csv)'
sql 'CREATE INDEX ON cloudtrail (event_time)'
sql 'VACUUM ANALYZE cloudtrail'
note "$(sql "SELECT pg_size_pretty(pg_table_size('cloudtrail')) || ', of ' || (max(event_time) - min(event_time)) FROM cloudtrail")"
hour=$(sql "SELECT max(event_time) - (max(event_time) - min(event_time)) / 100 FROM cloudtrail")

heading 'A foreign table'
export PGDATABASE=own
sql "CREATE EXTENSION impossible_travel; CREATE EXTENSION postgres_fdw;
    CREATE SERVER service FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$PGHOST', dbname 'service', fetch_size '10000');
    CREATE USER MAPPING FOR CURRENT_USER SERVER service OPTIONS (user 'postgres');
    CREATE SCHEMA service;
    IMPORT FOREIGN SCHEMA public LIMIT TO (cloudtrail) FROM SERVER service INTO service"
timed 'travel.detect over all events' "$EVENTS" "SELECT count(*) FROM travel.detect('service.cloudtrail')"
timed 'travel.detect over a hundredth' 0 "SELECT count(*) FROM travel.detect('service.cloudtrail', since => '$hour')"
sql "ALTER SERVER service OPTIONS (SET fetch_size '100')"
timed 'travel.detect over all events, fetch_size 100' "$EVENTS" "SELECT count(*) FROM travel.detect('service.cloudtrail')"
sql "ALTER SERVER service OPTIONS (SET fetch_size '10000')"
sql "SELECT travel.create_events_table('copied')" >/dev/null
timed 'copying all events by their records into an events table' "$EVENTS" \
    "SELECT sum(i.inserted) FROM service.cloudtrail AS s CROSS JOIN LATERAL travel.ingest('copied', s.record) AS i"

heading 'Logical replication'
PGDATABASE=service sql "CREATE PUBLICATION impossible_travel FOR TABLE cloudtrail WITH (publish = 'insert')"
PGDATABASE=service sql "SELECT pg_create_logical_replication_slot('impossible_travel', 'pgoutput')" >/dev/null
sql 'CREATE TABLE cloudtrail (event_time timestamptz NOT NULL, source_ip inet, access_key_id text, event_id text PRIMARY KEY,
    record jsonb, arrived_at timestamptz NOT NULL DEFAULT clock_timestamp());
    CREATE INDEX ON cloudtrail (arrived_at);
    CREATE INDEX ON cloudtrail (event_time);
    CREATE INDEX ON cloudtrail (access_key_id, event_time)'
began=$(now)
sql "CREATE SUBSCRIPTION impossible_travel CONNECTION 'host=$PGHOST dbname=service user=postgres'
    PUBLICATION impossible_travel WITH (create_slot = false)" 2>/dev/null
waits_for "SELECT srsubstate IN ('r', 's') FROM pg_subscription_rel" t
seconds=$(took "$began")
note "copying the existing rows: $seconds s, $(rate "$EVENTS" "$seconds") rows/s"
sql 'VACUUM ANALYZE cloudtrail'
timed 'travel.detect over all events' "$EVENTS" "SELECT count(*) FROM travel.detect('cloudtrail')"
timed 'travel.detect over a hundredth' 0 "SELECT count(*) FROM travel.detect('cloudtrail', since => '$hour')"
sql "INSERT INTO travel.rules (name, source, baseline, arrival_column, columns)
    VALUES ('key', 'cloudtrail', false, 'arrived_at', '{\"record\": \"record\"}')" 2>/dev/null
timed 'the first scan' "$EVENTS" 'CALL travel.scan()'
began=$(now)
# A hundred transactions of a thousand events.
for n in $(seq 100); do
    printf "INSERT INTO cloudtrail SELECT event_time + interval '%s days', source_ip, access_key_id, event_id || '+%s', record
        FROM cloudtrail WHERE event_id !~ '[+]' LIMIT 1000;\n" "$((30 + n))" "$n"
done | PGDATABASE=service run_psql --quiet
note "100 transactions of 1000 events in the service: $(took "$began") s"
waits_for 'SELECT count(*) FROM cloudtrail' "$((EVENTS + 100000))"
seconds=$(took "$began")
note "until they are here: $seconds s, $(rate 100000 "$seconds") rows/s"
timed 'a scan of them' 100000 'CALL travel.scan()'
sql "DROP SUBSCRIPTION impossible_travel" 2>/dev/null
