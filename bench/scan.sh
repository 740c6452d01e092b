#!/usr/bin/env bash
# The cost of a scan: `make bench-scan`. It is not part of the tests. Over a small and a large table of events, measures
# the first scan, which evaluates everything, with the size of the checkpoints that it leaves, and then scans of 1,000 new
# events: medians of rounds in turn, and the ratios. Each figure comes with its target. The session of the rounds has
# scanned before; at last, other sessions scan once each, as those of a scheduler do.
#
#   EVENTS (10000000) of the large table, SMALL (a tenth of EVENTS) of the small one, KEYS (20000), ROUNDS (7)
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"
EVENTS=${EVENTS:-10000000} KEYS=${KEYS:-20000} ROUNDS=${ROUNDS:-7}
SMALL=${SMALL:-$((EVENTS / 10))}

scripts/install.sh --if-changed
make_sample
trap server_drop EXIT
server_start bench-scan 'shared_buffers = 1GB' 'max_wal_size = 16GB' 'fsync = off' 'autovacuum = off' \
    "impossible_travel.geoip_path = '$SERVERS/bench-scan/files/geoip'"
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
run_psql --quiet --command 'CREATE EXTENSION impossible_travel'

sizes=("$SMALL" "$EVENTS")
heading "Data: ${sizes[0]} and ${sizes[1]} events of $KEYS keys in 100 days"
for size in "${sizes[@]}"; do
    run_psql --quiet --output /dev/null --set table="events_$size" --set events="$size" --set keys="$KEYS" --file bench/scan_events.sql
done

heading 'The first scan, of all events'
for size in "${sizes[@]}"; do
    peak_memory 'SET client_min_messages = warning' "CALL travel.scan('events_$size')"
    awk -v n="$size" -v s="$TOOK" -v peak="$PEAK_MB" 'BEGIN {
        printf "   %d events: %.1f s, %d events a second (target: at least 300,000), ", n, s, n / s
        printf "%d MB of private memory at the peak (target: under 500)\n", peak }'
    run_psql --quiet --no-align --tuples-only --set table="events_$size" <<'SQL'
SELECT format('   %s MB of checkpoints, %s of the size of the events (target: at most 0.2)', bytes / 1000000,
    round(bytes::numeric / pg_table_size(:'table'), 3))
FROM (
    SELECT ((pg_table_size('travel_internal.entity_checkpoints') + pg_table_size('travel_internal.baseline_checkpoints'))
        * (SELECT count(*) FROM travel_internal.entity_checkpoints WHERE rule = :'table')::numeric
        / (SELECT count(*) FROM travel_internal.entity_checkpoints))::bigint AS bytes
) AS s;
SQL
    run_psql --quiet --command "SET client_min_messages = warning" \
        --command 'CREATE TABLE IF NOT EXISTS first_scan (history bigint, full_scan interval)' \
        --command "INSERT INTO first_scan VALUES ($size, make_interval(secs => $TOOK))"
done
run_psql --quiet --command 'VACUUM ANALYZE'

heading "Scans of 1,000 new events, $ROUNDS rounds"
run_psql --quiet --set small="${sizes[0]}" --set large="${sizes[1]}" --set keys="$KEYS" --set rounds="$ROUNDS" --file bench/scan_measure.sql

heading 'Scans of 1,000 new events, each by a session of its own'
for size in "${sizes[@]}"; do
    for round in $(seq "$ROUNDS"); do
        run_psql --quiet --command "CALL add_events($size, 'in order', $((100 + round)), $KEYS)"
        run_psql --quiet --command 'SET client_min_messages = warning' --command '\timing on' \
            --command "CALL travel.scan('events_$size')"
    done | awk '/^Time/ { print $2 }' | sort -n | awk -v n="$size" '{ ms[NR] = $1 } END {
        printf "   of %d events: %.1f ms (median)\n", n, ms[int((NR + 1) / 2)] }'
done
