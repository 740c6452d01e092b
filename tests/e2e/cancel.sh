#!/usr/bin/env bash
# Tests that every long statement ends soon after statement_timeout, whatever it does at that moment. PostgreSQL handles
# a cancel in the same way.
#
#   EVENTS    how many events the statements read (20,000)
#   MOMENTS   at how many moments each statement is interrupted (3); make test-cancel sets higher values for both
#   BOUND_MS  how long after its timeout a statement may end (1,000)
#   MATCHING  only the statements that match this regular expression
#
# docs/recover.md has the delays of a release build on an idle machine. The largest was 154 ms, for a travel.journey of
# 2,000,000 events. The bound of this test also allows for a debug build and for a busy machine, on which a process may
# wait for a CPU. The test fails if a function lets PostgreSQL compile a large query with JIT, or if work over enough
# events cannot be interrupted.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

EVENTS=${EVENTS:-20000}
MOMENTS=${MOMENTS:-3}
BOUND_MS=${BOUND_MS:-1000}

scan_server e2e-cancel 'shared_buffers = 256MB' 'max_wal_size = 4GB' 'work_mem = 64MB' 'jit_above_cost = 100'
scan_database
folder="$SERVER_DIR/files/large"
mkdir -p "$folder"
# One file has many records. The only record of the other file has a long list.
seq $((EVENTS / 2)) | awk 'BEGIN { printf "{\"Records\":[" }
    { printf "%s{\"eventID\":\"%d\",\"eventTime\":\"2026-03-02T09:00:00Z\",\"userAgent\":\"agent %d\"}", (NR > 1 ? "," : ""), $1, $1 }
    END { printf "]}" }' >"$folder/many.json"
{
    printf '{"Records":[{"eventID":"large","eventTime":"2026-03-02T09:00:00Z","requestParameters":{"list":['
    seq -s, $((EVENTS * 3)) | tr -d '\n'
    printf ']}}]}'
} >"$folder/large.json"
if is_root; then chown -R postgres "$folder"; fi
run_psql --quiet --output /dev/null <<SQL
    CREATE TABLE document AS SELECT name, pg_read_file(format('%s/%s.json', '$folder', name))::jsonb AS body
    FROM unnest('{many,large}'::text[]) AS name;
    SELECT travel.create_events_table('target');
    -- One key has a tenth of the events. Every hundredth event is in another city.
    INSERT INTO public.cloudtrail (event_id, event_time, source_ip, access_key_id, actor, event_name, event_source)
    SELECT n, '2026-01-01Z'::timestamptz + n * interval '60 seconds',
        CASE WHEN n % 101 = 0 THEN inet '203.0.113.1' ELSE inet '192.0.2.0' + n % 200 END,
        CASE WHEN n % 10 = 0 THEN 'everybody' ELSE 'key ' || n % 3001 END, 'person ' || n % 2003, 'GetObject', 's3.amazonaws.com'
    FROM generate_series(1, $EVENTS) AS n;
    CREATE TABLE heap AS SELECT access_key_id, event_time, source_ip, event_id FROM public.cloudtrail;
    CREATE TABLE journeys AS SELECT event_time::date AS day, access_key_id, travel.journey(event_time, source_ip) AS journey
    FROM public.cloudtrail GROUP BY 1, 2;
    CREATE TABLE journey AS SELECT travel.journey(event_time, source_ip), travel.journey(event_time, source_ip)::text AS text FROM heap;
    CREATE TABLE spans AS SELECT array_agg(n::bigint) AS ids, array_agg('entity of the alert ' || n % 1000) AS entities,
        array_agg('user ' || n % 500) AS users, array_agg(now() + n * interval '1 s') AS starts, array_agg(now() + n * interval '2 s') AS ends
    FROM generate_series(1, $EVENTS) AS n;
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('scanned', 'postgres', 'public.cloudtrail', false);
    CALL travel.scan('scanned');
    UPDATE travel.alerts SET status = 'archived', archive_reason = 'other';
    VACUUM ANALYZE;
SQL
note "$(ask "SELECT (SELECT count(*) FROM cloudtrail) || ' events, ' || (SELECT count(*) FROM travel.verdicts) || ' verdicts, ' || (SELECT count(*) FROM travel.alerts) || ' alerts'")"

# The changes of a statement are undone, so it has the same amount of work each time. A procedure that commits in steps
# cannot run in a transaction block. These statements reset its state instead.
reset="UPDATE travel_internal.scans SET under_way = false WHERE rule = 'fresh'; DELETE FROM travel.rules WHERE name = 'fresh'; TRUNCATE target;
    DO \$\$ BEGIN IF to_regclass('target_files') IS NOT NULL THEN TRUNCATE target_files; END IF; END \$\$;
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('fresh', 'postgres', 'public.cloudtrail', false)"
statements=(
    "SELECT count(*) FROM travel.detect('cloudtrail')"
    "SELECT count(*) FROM travel.detect('heap')"
    "SELECT count(*) FROM travel.detect('heap', all_legs => true)"
    "SELECT count(*) FROM travel.coverage('heap')"
    "SELECT travel.impossible_legs(event_time, source_ip) FROM heap"
    "SELECT travel.impossible_legs(event_time, source_ip, event_id) FROM heap"
    "SELECT pg_column_size(travel.journey(event_time, source_ip)) FROM heap"
    "SELECT pg_column_size(travel.journey(event_time, source_ip, event_id)) FROM heap"
    "SELECT count(*) FROM (SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time, source_ip) FROM heap) AS l"
    "SELECT travel.impossible_legs(journey) FROM (SELECT travel.rollup(journey) AS journey FROM journeys) AS k"
    "SELECT count(*) FROM journey, travel.legs(journey)"
    "SELECT travel.event_count(text::travel.journey), length(journey::text) FROM journey"
    "SELECT count(*) FROM spans, travel_internal.incident_groups(ids, entities, users, starts, ends)"
    "SELECT count(*) FROM travel.incidents"
    "CALL travel.scan('fresh')"
    "CALL travel.rescan('scanned', '-infinity')"
    "SELECT count(*) FROM travel.explain('scanned', 'everybody')"
    "SELECT count(*) FROM travel.backtest('scanned')"
    "SELECT count(*) FROM travel.suggest('scanned')"
    "SELECT length(travel.map_html('scanned'))"
    "SELECT travel.report(max(id)) FROM travel.alerts"
    "SELECT travel.prune('1 day')"
    "CALL travel.load_files('target', '$folder')"
    "SELECT travel.ingest('target', body) FROM document WHERE name = 'many'"
    "SELECT travel.ingest('target', body::text) FROM document WHERE name = 'many'"
    "SELECT travel.ingest('target', body) FROM document WHERE name = 'large'"
    "SELECT count(travel.parse(r)) FROM document, travel.records(body) AS r"
)

if [ -n "${MATCHING:-}" ]; then
    mapfile -t statements < <(printf '%s\n' "${statements[@]}" | grep -E "$MATCHING")
    holds "a statement matches $MATCHING" [ "${#statements[@]}" -gt 0 ]
fi

# run MS STATEMENT: runs the statement with a timeout, and prints its time in ms and how it ended.
run() {
    local block=(BEGIN ROLLBACK) jit=on
    case $2 in CALL*) block=('' "$reset") ;; esac
    # PostgreSQL would compile these queries, and it cannot cancel a compilation. The functions of the extension turn
    # JIT off only for their own queries.
    case $2 in *'FROM heap'* | *'FROM journey'* | *'FROM spans'* | *'FROM document'* | *'FROM travel.incidents'*) jit=off ;; esac
    run_psql --quiet --no-align --tuples-only --set ON_ERROR_STOP=0 2>&1 <<SQL |
        SET client_min_messages = error; SET search_path = public; SET jit = $jit;
        ${block[0]};
        SET statement_timeout = $1;
        \timing on
        $2;
        \timing off
        RESET statement_timeout;
        ${block[1]};
        RESET statement_timeout;
        ${block[1]};
SQL
        awk '/^Time: / { time = $2 } /canceling statement due to statement timeout/ { ended = "timeout" }
            /^ERROR/ && !/statement timeout|current transaction is aborted/ { ended = "error" } END { print time, ended }'
}
# late TIMEOUT STATEMENT: prints how many ms after its timeout the statement ended, or nothing if it ended before. Other
# work on the machine can delay any statement, but rarely delays the same statement three times.
late() {
    local took ended least=
    for _ in 1 2 3; do
        read -r took ended <<<"$(run "$1" "$2")"
        [ "$ended" != error ] || fail "it ended with another error: $2"
        [ "$ended" = timeout ] || break
        least=$(awk -v took="$took" -v timeout="$1" -v least="${least:-999999}" \
            'BEGIN { late = took - timeout; printf "%d", (late < least ? late : least) }')
        [ "$least" -gt 100 ] || break
    done
    printf '%s' "$least"
}

rule "a statement ends within $BOUND_MS ms after its timeout, at $MOMENTS moments"
ask "$reset"
cuts=0
for statement in "${statements[@]}"; do
    read -r whole ended <<<"$(run 0 "$statement")"
    [ "$ended" != error ] || fail "it ended with an error: $statement"
    worst=0 at=0 ends=0
    for ((moment = 1; moment <= MOMENTS; moment++)); do
        timeout=$(awk -v w="$whole" -v m="$moment" -v n="$MOMENTS" 'BEGIN { printf "%d", 1 + w * (m - 0.5) / n }')
        late=$(late "$timeout" "$statement")
        [ -n "$late" ] || continue
        ends=$((ends + 1))
        [ "$late" -le "$worst" ] || worst=$late at=$timeout
    done
    cuts=$((cuts + ends))
    note "$(printf '%4d ms late (after %5d of %6d ms; %d of %d moments): %.90s' "$worst" "$at" "${whole%.*}" "$ends" "$MOMENTS" "$statement")"
    holds "$worst ms late after $at ms: $statement" [ "$worst" -le "$BOUND_MS" ]
done
# If the speed of the machine varies, a statement can end before its timeout.
note "$cuts statements were cut short"
holds 'enough statements were cut short' [ "$cuts" -ge "$((${#statements[@]} * MOMENTS / 3))" ]
no_crash
