#!/usr/bin/env bash
# kill -9 of processes that work for a session: a worker of travel.load_files, a parallel worker of an aggregate, and the
# session itself. PostgreSQL then ends all sessions and recovers. An immediate stop of the server ends all processes at
# once. Nothing is lost, doubled or half done. The test scan_killed does both with scans, and load_files_ends with the
# session that loads files.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-processes-killed 'max_worker_processes = 8'
scan_database
folder="$SERVER_DIR/files/many"
mkdir -p "$folder"
for ((n = 0; n < 60; n++)); do
    seq "$((n * 100))" "$((n * 100 + 199))" | awk 'BEGIN { printf "{\"Records\":[" }
        { printf "%s{\"eventID\":\"%06d\",\"eventTime\":\"2026-03-02T09:00:00Z\"}", (NR > 1 ? "," : ""), $1 }
        END { printf "]}" }' >"$folder/$(printf '%02d' "$n").json"
done
all=6100
if is_root; then chown -R postgres "$folder"; fi

how() { case $1 in nobody) echo canceled ;; server) echo stopped ;; *) echo killed ;; esac; }
reinitialized() { log_lines 'all server processes terminated; reinitializing'; }
recovers() { # recovers PID: kills the process, and waits until the server has recovered
    local before
    before=$(reinitialized)
    as_server kill -9 "$1"
    killed() { [ "$(reinitialized)" -gt "$before" ]; }
    eventually 'PostgreSQL starts anew' killed
    waits_until 'SELECT 1' 1
}

rule 'a worker of travel.load_files is killed, or the server is stopped: committed files stay, and the next call loads the rest'
ask "SELECT travel.create_events_table('alone')" >/dev/null
PGOPTIONS='-c max_parallel_maintenance_workers=0' ask "CALL travel.load_files('alone', '$folder')" >/dev/null 2>&1
for victim in worker server; do
    table="loaded_$victim"
    ask "SELECT travel.create_events_table('$table')" >/dev/null
    session_open --quiet
    # The lock on an event stops the workers at its file.
    session "BEGIN; INSERT INTO $table (event_id, event_time) VALUES ('003000', '2026-03-02T09:00:00Z')"
    PGOPTIONS='-c max_parallel_maintenance_workers=2' ask_coded "CALL travel.load_files('$table', '$folder')" >"$SCRATCH/load" 2>&1 &
    loading=$!
    waits_until "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'load_files worker' AND wait_event_type = 'Lock'" t
    if [ "$victim" = server ]; then
        stopped
    else
        recovers "$(ask "SELECT pid FROM pg_stat_activity WHERE backend_type = 'load_files worker' AND wait_event_type = 'Lock' LIMIT 1")"
    fi
    if wait "$loading"; then fail "the call ended without an error ($victim): $(cat "$SCRATCH/load")"; fi
    interrupted "$(how "$victim")" 'the call' "$SCRATCH/load"
    session_close
    note "$(ask "SELECT count(*) FROM $table") events were committed ($victim)"
    holds "not all were ($victim)" [ "$(ask "SELECT count(*) FROM $table")" -lt "$all" ]
    same "the list is that of the committed files ($victim)" "$(ask "SELECT count(*) FROM $table")" \
        "$(ask "SELECT coalesce(sum(inserted), 0) FROM ${table}_files")"
    ask "CALL travel.load_files('$table', '$folder')" >/dev/null 2>&1
    same "the same events as of one call ($victim)" "$all|0" "$(ask "SELECT (SELECT count(*) FROM $table), (SELECT count(*)
        FROM (SELECT event_id, event_time, record::text FROM $table EXCEPT SELECT event_id, event_time, record::text FROM alone) AS o)")"
done

rule 'a parallel worker of an aggregate or the session is killed, or the server is stopped: a refresh leaves the old rows, and works again afterwards'
run_psql --quiet <<'SQL'
    SELECT FROM generate_series(1, 300) AS n, journey('key ' || n % 50, '2026-03-01Z'::timestamptz + n * interval '1 hour') AS j;
    CREATE FUNCTION gate(at timestamptz) RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
    BEGIN
        IF current_setting('test.gate', true) = 'closed' THEN PERFORM pg_sleep(600); END IF;
        RETURN at;
    END $$;
    CREATE MATERIALIZED VIEW found AS
        SELECT access_key_id, travel.impossible_legs(gate(event_time), source_ip) AS legs FROM cloudtrail GROUP BY 1;
    ANALYZE cloudtrail;
SQL
rows="SELECT count(*) || ' ' || sum(cardinality(legs)) FROM found"
before=$(ask "$rows")
ask "SELECT journey('new', '2026-03-05Z')" >/dev/null
parallel='SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;'
for victim in 'parallel worker' 'client backend' server; do
    ask_coded "$parallel SET test.gate = 'closed'; REFRESH MATERIALIZED VIEW found" >"$SCRATCH/refresh" 2>&1 &
    refresh=$!
    at_gate="FROM pg_stat_activity WHERE backend_type = '${victim/#server/parallel worker}' AND (wait_event = 'PgSleep' OR backend_type = 'client backend')
        AND query LIKE '%REFRESH%' AND pid <> pg_backend_pid() AND EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')"
    waits_until "SELECT count(*) > 0 $at_gate" t
    if [ "$victim" = server ]; then stopped; else recovers "$(ask "SELECT pid $at_gate LIMIT 1")"; fi
    if wait "$refresh"; then fail "the refresh ended without an error ($victim)"; fi
    interrupted "$(how "$victim")" 'the refresh' "$SCRATCH/refresh"
    same "the old rows ($victim)" "$before" "$(ask "$rows")"
done
ask "$parallel REFRESH MATERIALIZED VIEW found"
same 'the rows after a refresh' "$(ask "SELECT count(*) || ' ' || sum(cardinality(legs)) FROM (SELECT travel.impossible_legs(event_time, source_ip) AS legs
    FROM cloudtrail GROUP BY access_key_id) AS k")" "$(ask "$rows")"
holds 'there are new rows' [ "$before" != "$(ask "$rows")" ]

rule 'travel.detect is canceled, a process of its shared pass is killed, or the server is stopped: no temporary files are left, and it works again'
run_psql --quiet <<'SQL'
    CREATE TABLE minted AS
        SELECT 'key ' || n / 10 AS access_key_id, '2026-03-01Z'::timestamptz + n * interval '1 minute' AS event_time,
            CASE WHEN n % 2 = 0 THEN inet '192.0.2.1' ELSE inet '203.0.113.1' END AS source_ip, n::text AS event_id
        FROM generate_series(1, 30000) AS n;
    ANALYZE minted;
    CREATE FUNCTION passes(id text) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
    BEGIN
        IF id = '30000' AND current_setting('test.gate', true) = 'closed' THEN PERFORM pg_sleep(600); END IF;
        RETURN true;
    END $$;
SQL
pgsql_tmp="$(ask 'SHOW data_directory')/base/pgsql_tmp"
# The copies of GeoIP files are in this folder, too.
temporary_files() { as_server find "$pgsql_tmp" -path '*.fileset/*' 2>/dev/null | wc -l; }
detect="SELECT count(*) FROM travel.detect('minted', condition => 'passes(event_id)')"
wanted=$(ask "$detect")
holds "there are findings: $wanted" [ "$wanted" -gt 1000 ]
for victim in nobody 'parallel worker' 'client backend' server; do
    ask_coded "$parallel SET parallel_leader_participation = off; SET test.gate = 'closed'; $detect" >"$SCRATCH/detect" 2>&1 &
    detecting=$!
    waits_until "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'" t
    holds 'there are files' [ "$(temporary_files)" -gt 0 ]
    of_detect="FROM pg_stat_activity WHERE (query LIKE '%travel.detect%' OR wait_event = 'PgSleep')
        AND pid <> pg_backend_pid() AND backend_type"
    if [ "$victim" = nobody ]; then
        ask "SELECT pg_cancel_backend(pid) $of_detect = 'client backend'" >/dev/null
    elif [ "$victim" = server ]; then
        stopped
    else
        recovers "$(ask "SELECT pid $of_detect = '$victim' LIMIT 1")"
    fi
    if wait "$detecting"; then fail "travel.detect ended without an error (killed: $victim)"; fi
    interrupted "$(how "$victim")" 'travel.detect' "$SCRATCH/detect"
    same "the files afterwards (killed: $victim)" 0 "$(temporary_files)"
    same "the findings afterwards (killed: $victim)" "$wanted" "$(ask "$parallel $detect" | tail -n 1)"
    same 'the files at the end' 0 "$(temporary_files)"
done
no_crash "$KILLED"
