#!/usr/bin/env bash
# Several sessions ingest the same documents at once; a materialized view is refreshed meanwhile. tests/isolation has the
# rest of what concerns several sessions.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start e2e-concurrency "impossible_travel.geoip_path = '$SERVERS/e2e-concurrency/files/geoip'" 'impossible_travel.coverage_notice = off' 'deadlock_timeout = 100ms'
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
ask 'CREATE EXTENSION impossible_travel'
ask "SELECT travel.create_events_table('cloudtrail')" >/dev/null
run_psql --quiet --command 'CREATE TABLE document (file text, body text)'
load_documents "$WORK/sample/cloudtrail" document
# The sample ten times, with other ids, so that it takes a while.
run_psql --quiet <<'SQL'
    CREATE TABLE many AS
    SELECT row_number() OVER (ORDER BY file, n) AS nr, jsonb_build_object('Records', (
        SELECT jsonb_agg(r || jsonb_build_object('eventID', (r ->> 'eventID') || n)) FROM travel.records(body::jsonb) AS r)) AS body
    FROM document, generate_series(1, 10) AS n;
SQL
records=$(ask "SELECT count(*) FROM many, travel.records(body) AS r")
events=$(ask "SELECT count(DISTINCT (r ->> 'eventID', r ->> 'eventTime')) FROM many, travel.records(body) AS r")
skipped=$(ask "SELECT count(*) FROM many, travel.records(body) AS r WHERE travel.event_time(r ->> 'eventTime') IS NULL")
note "$records records of $events events"


rule 'four sessions ingest the same documents at once, in whatever order: no error, every event once, every record counted'
for order in nr 'nr DESC' 'md5(nr::text)' nr; do
    run_psql --quiet --no-align --tuples-only --field-separator ' ' >>"$SCRATCH/answers" 2>>"$SCRATCH/errors" <<SQL &
        SELECT format('SELECT i.* FROM many, travel.ingest(''cloudtrail'', body) AS i WHERE nr = %s', nr) FROM many ORDER BY $order \gexec
SQL
done
wait
same 'errors' '' "$(cat "$SCRATCH/errors")"
same 'events' "$events|$events" "$(ask 'SELECT count(*), count(DISTINCT (event_id, event_time)) FROM cloudtrail')"
same 'records, inserted, duplicates, skipped' "$((4 * records)) $events $((4 * records - events - 4 * skipped)) $((4 * skipped))" \
    "$(awk '{ a += $1; b += $2; c += $3; d += $4 } END { print a, b, c, d }' "$SCRATCH/answers")"

rule 'travel.detect sees what its statement sees: a materialized view is refreshed while events come in'
ask "CREATE MATERIALIZED VIEW found AS SELECT * FROM travel.detect('cloudtrail'); CREATE UNIQUE INDEX ON found (leg_id)"
before=$(ask 'SELECT count(*) FROM found')
running="$SCRATCH/running"
mkdir "$running"
while [ -d "$running" ]; do ask 'REFRESH MATERIALIZED VIEW CONCURRENTLY found'; done 2>>"$SCRATCH/errors" &
for n in 1 2 3 4 5 6; do
    ask "SELECT travel.ingest('cloudtrail', jsonb_build_array(
        jsonb_build_object('eventID', 'w$n a', 'eventTime', '2026-04-01T00:00:00Z', 'sourceIPAddress', '192.0.2.1', 'userIdentity', '{\"accessKeyId\": \"W$n\"}'::jsonb),
        jsonb_build_object('eventID', 'w$n b', 'eventTime', '2026-04-01T00:10:00Z', 'sourceIPAddress', '203.0.113.1', 'userIdentity', '{\"accessKeyId\": \"W$n\"}'::jsonb)))" >/dev/null
    sleep 0.1
done
rmdir "$running"
wait
ask 'REFRESH MATERIALIZED VIEW CONCURRENTLY found'
same 'travels more' 6 "$(($(ask 'SELECT count(*) FROM found') - before))"
same 'errors' '' "$(cat "$SCRATCH/errors")"
no_crash
