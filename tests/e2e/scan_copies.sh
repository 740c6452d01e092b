#!/usr/bin/env bash
# A copy of the server's files goes on with its scans. What is loaded from the copy into the server, which has the same
# system identifier and other transactions of the same numbers, hides no event from a scan.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

more_transactions() { ask 'DO $$ BEGIN FOR n IN 1..5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$'; }
next_transaction() { ask 'SELECT pg_snapshot_xmax(pg_current_snapshot())'; }
# How many events the last pass has read.
read_events() { ask "SELECT pass_events FROM travel_internal.scans WHERE rule = 'plain'"; }
alerts() { ask "SELECT string_agg(entity, ',' ORDER BY entity) FROM travel.alerts WHERE rule = 'plain'"; }

scan_server e2e-copies-first
"$(pg_bin createdb)" audit
export PGDATABASE=audit
scan_database
new_rule plain
ask "SELECT journey('A')" >/dev/null
ask 'CALL travel.scan()'
same 'an alert' A "$(alerts)"
system=$(ask 'SELECT system_identifier FROM pg_control_system()')

rule 'a server that crashed, and a copy of the files of a server, go on with their scans'
stop_at_once
server_resume e2e-copies-first
export PGDATABASE=audit
ask 'CALL travel.scan()'
same 'events that it read again after the crash' 0 "$(read_events)"
server_stop
server_at e2e-copies-second
STARTED+=(e2e-copies-second)
rm -rf "$SERVER_DIR"
cp -a "$SERVERS/e2e-copies-first" "$SERVER_DIR"
as_server sed -i "s|$SERVERS/e2e-copies-first/|$SERVER_DIR/|" "$SERVER_DIR/data/postgresql.conf"
server_resume e2e-copies-first
server_resume e2e-copies-second
export PGDATABASE=audit
same 'the system identifier of the copy' "$system" "$(ask 'SELECT system_identifier FROM pg_control_system()')"
ask 'CALL travel.scan()'
same 'events that the copy read again' 0 "$(read_events)"

rule 'a dump of a copy that has had more transactions restores into the server, and no event is lost'
more_transactions
ask "SELECT journey('B')" >/dev/null
ask 'CALL travel.scan()'
same 'events that the copy read' 2 "$(read_events)"
there=$(next_transaction)
"$(pg_bin pg_dump)" --format custom --file "$SCRATCH/dump" audit
ask 'COPY travel_internal.scans TO STDOUT' >"$SCRATCH/scans"
server_at e2e-copies-first
"$(pg_bin createdb)" returned
export PGDATABASE=returned
"$(pg_bin pg_restore)" --exit-on-error --dbname returned "$SCRATCH/dump"
ask "SELECT journey('C')" >/dev/null
holds 'the copy is ahead' test "$(next_transaction)" -lt "$there"
ask 'CALL travel.scan()'
same 'alerts' A,B,C "$(alerts)"
ask "SELECT journey('D')" >/dev/null
ask 'CALL travel.scan()'
same 'alerts after the next scan' A,B,C,D "$(alerts)"
same 'events that it read' 2 "$(read_events)"

rule 'the progress of the scans of a copy, loaded into the server, hides no event that the copy has never had'
export PGDATABASE=audit
ask "SELECT journey('E')" >/dev/null
more_transactions
more_transactions
holds 'the copy is behind' test "$(next_transaction)" -gt "$there"
ask 'TRUNCATE travel_internal.scans'
run_psql --quiet --command 'COPY travel_internal.scans FROM STDIN' <"$SCRATCH/scans"
ask 'CALL travel.scan()'
same 'alerts' A,E "$(alerts)"
server_at e2e-copies-second
no_crash
