#!/usr/bin/env bash
# Every long statement ends soon after statement_timeout, whatever it does at that moment. A cancel takes the same way.
# EVENTS says over how many events, and MOMENTS at how many moments of a statement.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

EVENTS=${EVENTS:-60000}
MOMENTS=${MOMENTS:-5}
# The figures below are those of an idle machine, with a release build. The bound leaves room for a busy one, where a
# process may wait for its turn.
BOUND_MS=1000

scan_server e2e-cancel 'shared_buffers = 256MB' 'max_wal_size = 4GB' 'work_mem = 64MB'
scan_database
folder="$SERVER_DIR/files/large"
mkdir -p "$folder"
seq $((EVENTS / 2)) | awk 'BEGIN { printf "{\"Records\":[" }
    { printf "%s{\"eventID\":\"%d\",\"eventTime\":\"2026-03-02T09:00:00Z\",\"userAgent\":\"agent %d\"}", (NR > 1 ? "," : ""), $1, $1 }
    END { printf "]}" }' >"$folder/many.json"
{
    printf '{"Records":[{"eventID":"large","eventTime":"2026-03-02T09:00:00Z","requestParameters":{"list":['
    seq -s, $((EVENTS * 30)) | tr -d '\n'
    printf ']}}]}'
} >"$folder/large.json"
if is_root; then chown -R postgres "$folder"; fi
run_psql --quiet --output /dev/null <<SQL
    CREATE TABLE document AS SELECT name, pg_read_file(format('%s/%s.json', '$folder', name))::jsonb AS body
    FROM unnest('{many,large}'::text[]) AS name;
    SELECT travel.create_events_table('target');
    -- One key has a tenth of the events.
    INSERT INTO public.cloudtrail (event_id, event_time, source_ip, access_key_id, actor, event_name, event_source)
    SELECT n, '2026-01-01Z'::timestamptz + n * interval '60 seconds',
        CASE WHEN n % 3 = 0 THEN inet '192.0.2.1' WHEN n % 3 = 1 THEN inet '203.0.113.1'
             ELSE inet '198.51.100.0' + n % 200 END,
        CASE WHEN n % 10 = 0 THEN 'everybody' ELSE 'key ' || n % 3000 END, 'person ' || n % 2000, 'GetObject', 's3.amazonaws.com'
    FROM generate_series(1, $EVENTS) AS n;
    CREATE TABLE heap AS SELECT access_key_id, event_time, source_ip FROM public.cloudtrail;
    CREATE TABLE journeys AS SELECT event_time::date AS day, access_key_id, travel.journey(event_time, source_ip) AS journey
    FROM public.cloudtrail GROUP BY 1, 2;
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES
        ('scanned', 'postgres', 'public.cloudtrail', false), ('fresh', 'postgres', 'public.cloudtrail', false);
    CALL travel.scan('scanned');
    UPDATE travel.alerts SET status = 'archived', archive_reason = 'other';
    VACUUM ANALYZE;
SQL

# What each statement does is undone, so it has as much to do each time. A procedure that commits step by step is not
# called in a transaction block, but begins from nothing.
reset="UPDATE travel_internal.scans SET under_way = false WHERE rule = 'fresh'; DELETE FROM travel.rules WHERE name = 'fresh';
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('fresh', 'postgres', 'public.cloudtrail', false); TRUNCATE target, target_files;"
statements=(
    "SELECT count(*) FROM travel.detect('cloudtrail')"
    "SELECT count(*) FROM travel.detect('heap')"
    "SELECT count(*) FROM travel.detect('heap', all_legs => true)"
    "SELECT count(*) FROM travel.coverage('heap')"
    "SELECT count(travel.impossible_legs(event_time, source_ip)) FROM heap"
    "SELECT pg_column_size(travel.journey(event_time, source_ip)) FROM heap"
    "SELECT count(*) FROM (SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time, source_ip) FROM heap) AS l"
    "SELECT count(travel.impossible_legs(journey)) FROM (SELECT travel.rollup(journey) AS journey FROM journeys GROUP BY access_key_id) AS k"
    "CALL travel.scan('fresh')"
    "CALL travel.rescan('scanned', '-infinity')"
    "SELECT count(*) FROM travel.explain('scanned', 'everybody')"
    "SELECT count(*) FROM travel.backtest('scanned')"
    "SELECT count(*) FROM travel.suggest('scanned')"
    "SELECT length(travel.map_html('scanned'))"
    "SELECT travel.prune('1 day')"
    "CALL travel.load_files('target', '$folder')"
    "SELECT travel.ingest('target', body) FROM document WHERE name = 'many'"
    "SELECT travel.ingest('target', body) FROM document WHERE name = 'large'"
    "SELECT count(travel.parse(r)) FROM document, travel.records(body) AS r"
)

# run MS STATEMENT: prints its time in ms, and "timeout" if the timeout ended it.
run() {
    local block=(BEGIN ROLLBACK)
    case $2 in CALL*) block=('' "$reset") ;; esac
    run_psql --quiet --no-align --tuples-only --set ON_ERROR_STOP=0 2>&1 <<SQL | tr '\n' ' ' |
        SET client_min_messages = error; SET search_path = public;
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
        awk '{
            match($0, /Time: [0-9.]+ ms/)
            print substr($0, RSTART + 6, RLENGTH - 9), (/canceling statement due to statement timeout/ ? "timeout" : "")
        }'
}

rule "a statement ends within $BOUND_MS ms after its timeout, at $MOMENTS moments"
for statement in "${statements[@]}"; do
    read -r whole ended <<<"$(run 0 "$statement")"
    worst=0 at=0 ends=0
    for ((moment = 1; moment <= MOMENTS; moment++)); do
        timeout=$(awk -v w="$whole" -v m="$moment" -v n="$MOMENTS" 'BEGIN { printf "%d", 1 + w * (m - 0.5) / n }')
        late=999999
        # What the machine does meanwhile can delay any statement, but hardly the same one three times.
        for _ in 1 2 3; do
            read -r took ended <<<"$(run "$timeout" "$statement")"
            [ "$ended" = timeout ] || { late=0; break; }
            late=$(awk -v t="$took" -v a="$timeout" -v l="$late" 'BEGIN { printf "%d", (t - a < l ? t - a : l) }')
            [ "$late" -gt 100 ] || break
        done
        [ "$ended" != timeout ] || ends=$((ends + 1))
        [ "$late" -le "$worst" ] || worst=$late at=$timeout
    done
    note "$(printf '%5d ms late at most (after %5d of %6d ms, %d of %d times cut short): %.90s' "$worst" "$at" "${whole%.*}" "$ends" "$MOMENTS" "$statement")"
    holds "$worst ms late after $at ms: $statement" [ "$worst" -le "$BOUND_MS" ]
done
no_crash
