#!/usr/bin/env bash
# Several sessions ingest the same documents at once; transactions that are rolled back.
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

rule 'two documents with the same new records in opposite orders at once: no deadlock, every event once'
run_psql --quiet <<'SQL'
    CREATE TABLE opposite AS
    SELECT n, jsonb_build_object('Records', jsonb_agg(jsonb_build_object('eventID', 'opposite ' || id, 'eventTime', '2026-01-01T00:00:00Z')
        ORDER BY CASE n WHEN 1 THEN id ELSE -id END)) AS body
    FROM generate_series(1, 20000) AS id, generate_series(1, 2) AS n GROUP BY n;
SQL
# Both begin at once, when the table is theirs.
session_open --quiet
session 'BEGIN; LOCK TABLE opposite'
for n in 1 2; do
    ask "SELECT i.inserted FROM opposite, travel.ingest('cloudtrail', body) AS i WHERE n = $n" >>"$SCRATCH/opposite" 2>>"$SCRATCH/errors" &
    ingests+=($!)
done
waits_until "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM opposite%'" 2
session COMMIT
wait "${ingests[@]}"
same 'errors' '' "$(cat "$SCRATCH/errors")"
same 'events' '20000' "$(ask "SELECT count(*) FROM cloudtrail WHERE event_id LIKE 'opposite %'")"
same 'inserted by the two together' 20000 "$(awk '{ n += $1 } END { print n }' "$SCRATCH/opposite")"

rule 'a session waits for an uncommitted one that has the same events, and inserts them if that one rolls back'
one="SELECT i.inserted, i.duplicates FROM travel.ingest('cloudtrail', '{\"Records\": [{\"eventID\": \"late\", \"eventTime\": \"2026-01-01T00:00:00Z\"}]}') AS i"
for end in ROLLBACK COMMIT; do
    session "BEGIN; $one"
    ask "$one" >"$SCRATCH/answer" &
    ingest=$!
    waits_for_lock 'FROM travel.ingest'
    session "$end"
    wait "$ingest"
    answer=$(cat "$SCRATCH/answer")
    case $end in ROLLBACK) same 'after a rollback' '1|0' "$answer" ;; COMMIT) same 'after a commit' '0|1' "$answer" ;; esac
    same 'once' 1 "$(ask "SELECT count(*) FROM cloudtrail WHERE event_id = 'late'")"
    ask "DELETE FROM cloudtrail WHERE event_id = 'late'"
done
session_close

rule 'travel.create_events_table rolls back as any CREATE TABLE, and two sessions make a table once'
ask "BEGIN; SELECT travel.create_events_table('gone'); SELECT * FROM travel.ingest('gone', '[{\"eventID\": \"a\", \"eventTime\": \"2026-01-01T00:00:00Z\"}]');
    SELECT * FROM travel.detect('gone'); ROLLBACK" >/dev/null
same 'nothing is left' 0 "$(ask "SELECT count(*) FROM pg_class WHERE relname LIKE 'gone%'")"
ask "BEGIN; SELECT travel.create_events_table('stays'); SAVEPOINT s; SELECT travel.ingest('stays', '[{\"eventID\": \"a\", \"eventTime\": \"2026-01-01T00:00:00Z\"}]');
    ROLLBACK TO s; SELECT travel.ingest('stays', '[{\"eventID\": \"b\", \"eventTime\": \"2026-01-01T00:00:00Z\"}]'); COMMIT" >/dev/null
same 'what came after the savepoint' b "$(ask 'SELECT string_agg(event_id, '\'','\'') FROM stays')"
refused 42P07 "SELECT travel.create_events_table('stays')"
for _ in 1 2; do ask_all "SELECT travel.create_events_table('twins')" >>"$SCRATCH/both" & done
wait
same 'one made it, one was told' '1 1' "$(grep -c '^twins$' "$SCRATCH/both") $(grep -c -E 'ERROR:  (42P07|23505)' "$SCRATCH/both")"

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
