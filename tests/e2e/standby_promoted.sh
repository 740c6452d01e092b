#!/usr/bin/env bash
# The server fails in the middle of a scan and of a call of travel.load_files, and its standby is promoted. There both
# continue, and end as if nothing had happened. The test read_replica asks a standby that is not promoted.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

name=e2e-standby-primary
scan_server $name 'wal_level = replica' 'max_wal_senders = 4' 'shared_buffers = 32MB' 'max_connections = 20' \
    'impossible_travel.scan_batch = 1000'
scan_database
ask "SELECT call('key ' || n % 40, '2026-03-01Z'::timestamptz + n * interval '5 minutes',
    CASE WHEN n / 40 % 5 = 0 THEN inet '203.0.113.1' ELSE inet '192.0.2.1' END, 'person ' || n % 40) FROM generate_series(1, 4000) AS n" >/dev/null
new_rule promoted 'learning_period' "'3 days'"
ask "SELECT travel.create_events_table('loaded')" >/dev/null
folder="$SERVER_DIR/files/many"
mkdir -p "$folder"
for ((n = 0; n < 10; n++)); do
    printf '{"Records":[{"eventID":"%d","eventTime":"2026-03-02T09:00:00Z"},{"eventID":"%d","eventTime":"2026-03-02T09:00:00Z"}]}' \
        "$n" "$((n + 1))" >"$folder/$n.json"
done
if is_root; then chown -R postgres "$folder"; fi

standby_of $name e2e-standby-second
standby=$SERVER_DIR
cp -a "$SERVERS/$name/files/geoip" "$SERVERS/$name/files/many" "$standby/files/"

rule 'the server fails in the middle of a scan and of loading, and the promoted standby ends with the same'
server_at $name
session_open --quiet
hold_up travel_internal.entity_checkpoints
ask_coded "CALL travel.scan('promoted')" >"$SCRATCH/scan" 2>&1 &
scan=$!
waits_for_lock travel.scan
one_step
waits_for_lock travel.scan
other() { run_psql --quiet --command "BEGIN; INSERT INTO loaded (event_id, event_time) VALUES ('6', '2026-03-02T09:00:00Z'); SELECT pg_sleep(600)"; }
other >/dev/null 2>&1 &
waits_until "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" 1
PGOPTIONS='-c max_parallel_maintenance_workers=0' ask_coded "CALL travel.load_files('loaded', '$folder')" >"$SCRATCH/load" 2>&1 &
load=$!
waits_for_lock travel.load_files
same 'the scan is under way' t "$(ask "SELECT under_way FROM travel.status WHERE rule = 'promoted'")"
some=$(ask 'SELECT count(*) FROM loaded')
waits_until "SELECT count(*) > 0 FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()" t
stop_at_once
if wait "$scan"; then fail 'the scan was not interrupted'; fi
if wait "$load"; then fail 'loading was not interrupted'; fi
interrupted stopped 'the scan' "$SCRATCH/scan"
interrupted stopped 'the load' "$SCRATCH/load"
session_close
server_at e2e-standby-second
as_server "$(pg_bin pg_ctl)" --pgdata "$SERVER_DIR/data" --wait --timeout "$PATIENCE" promote >/dev/null
waits_until 'SELECT pg_is_in_recovery()' f
same 'the scan is still under way' t "$(ask "SELECT under_way FROM travel.status WHERE rule = 'promoted'")"
same 'the events that were committed' "$some" "$(ask 'SELECT count(*) FROM loaded')"
note "$some of 11 events had been loaded"
ask "CALL travel.scan('promoted')"
ask "SELECT journey('afterwards', '2026-03-20Z')" >/dev/null
ask "CALL travel.scan('promoted')"
# The same files, whose folder has another name here.
ask "CALL travel.load_files('loaded', '$standby/files/many')" >/dev/null
same 'all events are loaded' 11 "$(ask 'SELECT count(*) FROM loaded')"
new_rule whole 'learning_period' "'3 days'"
ask "CALL travel.scan('whole')"
same_ends 'one scan of everything' whole promoted
no_crash
