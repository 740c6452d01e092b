#!/usr/bin/env bash
# A scan that is killed at any point and started again has the results of a scan that was not interrupted.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-scan-killed 'shared_buffers = 256MB' 'max_wal_size = 4GB' 'max_prepared_transactions = 4' 'impossible_travel.scan_batch = 2500'
scan_database
# 50,000 events of 500 keys of 250 people over two months. Each person lives in one city and sometimes appears in
# another. With small steps a scan of them takes as many steps as a scan of millions of events.
run_psql --quiet <<'SQL'
    CREATE TABLE city AS
    SELECT row_number() OVER () - 1 AS nr, address
    FROM unnest('{192.0.2.1,203.0.113.1,198.51.100.1}'::inet[]) AS address;
    CREATE FUNCTION public.events(first int, last int, kind text) RETURNS void LANGUAGE sql AS $$
        INSERT INTO public.cloudtrail (event_id, event_time, event_name, event_source, source_ip, access_key_id, actor,
            identity_type)
        SELECT format('%s %s', kind, n), '2026-01-01 00:00Z'::timestamptz + (h % 5000000) * interval '1 second',
            'GetObject', 's3.amazonaws.com',
            city.address, 'key ' || key, 'person ' || key % 250, 'IAMUser'
        FROM generate_series(first, last) AS n
        CROSS JOIN LATERAL (SELECT abs(hashint4(n)::bigint) AS h,
            CASE kind WHEN 'late' THEN n % 20 ELSE n % 500 END AS key) AS a
        JOIN city ON city.nr = (key + CASE WHEN n / 500 % 25 = 0 THEN 1 ELSE 0 END) % 3
    $$;
    SELECT FROM events(1, 50000, 'in time');
    VACUUM ANALYZE cloudtrail;
SQL
new_rule calm 'learning_period' "'3 days'"
new_rule killed 'learning_period' "'3 days'"
ask CHECKPOINT
RANDOM=7

scan_pid() { ask "SELECT pid FROM pg_stat_activity
    WHERE query LIKE 'CALL travel.%scan(''killed''%' AND state = 'active' AND pid <> pg_backend_pid()" 2>/dev/null \
    || true; }
under_way() { ask "SELECT under_way FROM travel.status WHERE rule = 'killed'"; }

terminated() { ask "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE query LIKE 'CALL travel.%scan(''killed''%'" >/dev/null; }
canceled() { ask "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
    WHERE query LIKE 'CALL travel.%scan(''killed''%'" >/dev/null; }
killed() {
    local pid before
    before=$(reinitialized)
    pid=$(scan_pid)
    if [ -n "$pid" ] && as_server kill -9 "$pid" 2>/dev/null; then eventually 'PostgreSQL starts anew' reinitialized_after "$before"; fi
}
reinitialized() { log_lines 'all server processes terminated; reinitializing'; }
reinitialized_after() { [ "$(reinitialized)" -gt "$1" ]; }

# Kills scans or other calls, and then lets one finish. WAY:N is a way to kill a scan, and the number of steps that it
# completes before. The scan then waits for a lock in the next step, so it is certainly still running. WAY:? kills the
# scan after a moment, at any point. $met counts the scans that were running, and $left counts those that left a pass
# under way.
call="CALL travel.scan('killed')"
batch=2500
tables=(travel_internal.entity_checkpoints travel_internal.baseline_checkpoints travel_internal.scans)
until_done() { # until_done WAY:STEPS…
    local one how steps
    met=0 left=0
    for one in "$@"; do
        how=${one%:*} steps=${one#*:}
        session_open --quiet
        hold_up "${tables[RANDOM % ${#tables[@]}]}"
        PGOPTIONS="-c impossible_travel.scan_batch=$batch" ask_coded "$call" >"$SCRATCH/interrupted" 2>&1 &
        scan=$!
        eventually 'the scan comes to write, or ends' waits_or_ended
        for ((; ${steps/'?'/0} > 0; steps--)); do
            one_step
            eventually 'the scan comes to write again, or ends' waits_or_ended
        done
        if [ "$steps" = '?' ]; then
            session ROLLBACK
            sleep "0.$(printf '%03d' $((RANDOM % 150)))"
        fi
        "$how"
        if wait "$scan"; then
            # It ended before it could be interrupted.
            same "errors of $call" '' "$(grep -E '^(ERROR|WARNING|FATAL|PANIC|psql):' "$SCRATCH/interrupted" || true)"
        else
            interrupted "$how" "$call" "$SCRATCH/interrupted"
            met=$((met + 1))
        fi
        waits_until 'SELECT 1' 1
        session_close
        [ "$(under_way)" != t ] || left=$((left + 1))
    done
    note "$met of $# met a scan at work, $left left a pass under way"
    PGOPTIONS="-c impossible_travel.scan_batch=$batch" ask "$call"
    same 'the statement is done' f "$(under_way)"
}
waits_or_ended() {
    ! kill -0 "$scan" 2>/dev/null \
        || [ "$(ask "SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND query LIKE 'CALL travel.%scan%'")" = 1 ]
}


rule 'while a scan runs, travel.status shows its progress step by step'
session_open --quiet
hold_up travel_internal.entity_checkpoints
ask "CALL travel.scan('calm')" &
scan=$!
for _ in 1 2 3 4; do
    waits_for_lock travel.scan
    ask "SELECT position FROM travel.status
        WHERE rule = 'calm' AND under_way AND position IS NOT NULL" >>"$SCRATCH/positions"
    one_step
done
session ROLLBACK
session_close
wait "$scan"
holds 'the positions grow' sort --check "$SCRATCH/positions"
same 'positions after the first three steps' 3 "$(uniq "$SCRATCH/positions" | wc -l)"
note "$(ask "SELECT events || ' events, ' || (SELECT count(*) FROM travel.verdicts) || ' legs, ' || (SELECT count(*) FROM travel.alerts) || ' alerts' FROM travel_internal.scans WHERE rule = 'calm'")"
same 'at its end' 'f||t' "$(ask "SELECT under_way, position, last_scan > now() - interval '1 day' FROM travel.status
    WHERE rule = 'calm'")"
same 'it learned, evaluated and raised' t "$(ask "SELECT (SELECT count(*) FROM travel.alerts) > 100 AND (SELECT count(*)
    FROM travel.verdicts WHERE NOT raised) > 100
    AND (SELECT count(DISTINCT state) FROM travel.known_places) > 1")"

rule 'a first scan that is canceled, terminated, killed or stopped with the server, again and again, has the same results'
until_done canceled:0 terminated:1 killed:2 canceled:1 stopped:1 terminated:? canceled:? killed:? terminated:?
holds 'enough scans were interrupted' test "$met" -ge 5 -a "$left" -ge 4
same_ends 'after the first scan' calm killed

rule 'so does a scan of late events, which evaluates many events again'
# Four in a hundred keys get events between events that were evaluated.
ask "SELECT events(1, 5000, 'late')" >/dev/null
ask "CALL travel.scan('calm')"
# Not every step writes states.
batch=500 tables=(travel_internal.scans)
until_done terminated:0 killed:1 canceled:1 stopped:1 canceled:? terminated:?
holds 'enough scans were interrupted' test "$met" -ge 4 -a "$left" -ge 3
same_ends 'after late events' calm killed

rule 'the next scan or the next travel.rescan continues an interrupted travel.rescan'
ask "INSERT INTO travel.suppressions (country_code_a, reason) VALUES ('JP', 'an office there')"
ask "CALL travel.rescan('calm', '2026-01-10Z')"
# The start of a rescan that is under way can only become earlier, so a repeated call evaluates the same events.
call="CALL travel.rescan('killed', '2026-01-10Z')" batch=2500 tables=(travel_internal.entity_checkpoints travel_internal.scans)
until_done killed:1 stopped:1 terminated:1 killed:? canceled:1
holds 'enough rescans were interrupted' test "$met" -ge 4 -a "$left" -ge 3
same_ends 'after a rescan that was repeated' calm killed
ask "INSERT INTO travel.suppressions (country_code_a, reason) VALUES ('GB', 'another office there')"
ask "CALL travel.rescan('calm', '2026-01-10Z')"
for how in killed stopped; do
    session_open --quiet
    hold_up travel_internal.entity_checkpoints
    ask_coded "$call" >"$SCRATCH/interrupted" 2>&1 &
    scan=$!
    waits_for_lock travel.rescan
    one_step
    waits_for_lock travel.rescan
    "$how"
    if wait "$scan"; then fail "the rescan was not interrupted ($how)"; fi
    interrupted "$how" 'the rescan' "$SCRATCH/interrupted"
    waits_until 'SELECT 1' 1
    session_close
    same "the rescan is under way ($how)" t "$(under_way)"
done
call="CALL travel.scan('killed')" tables=(travel_internal.scans)
until_done canceled:1 terminated:?
holds 'enough rescans were interrupted' test "$met" -ge 1 -a "$left" -ge 1
same_ends 'after a rescan that scans continued' calm killed

rule 'the rows of a prepared transaction are scanned once it is committed, even after a restart'
ask "BEGIN; SELECT journey('prepared', '2026-02-10Z'); PREPARE TRANSACTION 'one'" >/dev/null
ask "CALL travel.scan('killed')"
server_resume e2e-scan-killed
ask "CALL travel.scan('killed')"
prepared="SELECT count(*) FROM travel.verdicts WHERE rule = 'killed' AND entity = 'prepared'"
same 'not yet' 0 "$(ask "$prepared")"
ask "COMMIT PREPARED 'one'"
ask "CALL travel.scan('killed')"
same 'now' 1 "$(ask "$prepared")"

rule 'all results are those of a single scan of all events'
new_rule whole 'learning_period' "'3 days'"
ask "UPDATE travel.rules SET enabled = false WHERE name = 'calm'; CALL travel.scan()"
ask "CALL travel.rescan('killed', '-infinity')"
same_ends 'one scan of everything' whole killed
same 'every raised verdict has its alert' 0 \
    "$(ask "SELECT count(*) FROM travel.verdicts AS v LEFT JOIN travel.alerts AS a ON a.id = v.alert_id
    WHERE v.raised AND a.id IS NULL")"
no_crash "$KILLED"
