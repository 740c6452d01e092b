#!/usr/bin/env bash
# Tests that every long statement ends soon after statement_timeout, whatever it does at that moment. PostgreSQL handles
# a cancel in the same way.
#
#   EVENTS    how many events the statements read (20,000)
#   MOMENTS   at how many moments each statement is interrupted (3); make test-cancel sets higher values for both
#   BOUND_MS  how long after its timeout a statement may end (1,000); make test-cancel sets 250
#   MATCHING  only the statements that match this regular expression
#
# A release build must end each statement within 250 ms. docs/recover.md has its delays on an idle machine. The default
# bound also allows for a debug build and for a busy machine, on which a process may wait for a CPU. A statement that ends
# more than 100 ms late is tried up to three times at that moment, and the shortest delay counts. The test fails if a
# function lets PostgreSQL compile a large query with JIT, or if work over enough events cannot be interrupted. It also
# fails if a statement is never interrupted, and if a function or view that users call is in neither list below.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

EVENTS=${EVENTS:-20000}
MOMENTS=${MOMENTS:-3}
BOUND_MS=${BOUND_MS:-1000}

scan_server e2e-cancel 'shared_buffers = 256MB' 'max_wal_size = 4GB' 'work_mem = 64MB' 'jit_above_cost = 100'
scan_database
folder="$SERVER_DIR/files/large"
mkdir -p "$folder"
# One file has many records. The only record of the other file has a long list, of 4 MB at most: PostgreSQL cannot cancel
# the conversion of one value, and a record of CloudTrail has at most 256 KB.
seq $((EVENTS / 2)) | awk 'BEGIN { printf "{\"Records\":[" }
    { printf "%s{\"eventID\":\"%d\",\"eventTime\":\"2026-03-02T09:00:00Z\",\"userAgent\":\"agent %d\"}", (NR > 1 ? "," : ""), $1, $1 }
    END { printf "]}" }' >"$folder/many.json"
{
    printf '{"Records":[{"eventID":"large","eventTime":"2026-03-02T09:00:00Z","requestParameters":{"list":['
    seq -s, $((EVENTS < 200000 ? EVENTS * 3 : 600000)) | tr -d '\n'
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
    CREATE TABLE records AS SELECT jsonb_build_object('eventID', event_id, 'eventTime', to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'eventName', event_name, 'eventSource', event_source, 'sourceIPAddress', host(source_ip),
        'userIdentity', jsonb_build_object('type', 'IAMUser', 'userName', actor, 'accessKeyId', access_key_id)) AS record
    FROM public.cloudtrail;
    CREATE TABLE coordinates AS SELECT access_key_id, event_time, event_id, p.latitude + m.n % 100 * 0.001 AS latitude, p.longitude
    FROM public.cloudtrail, travel.locate(source_ip) AS p, LATERAL (SELECT extract(epoch FROM event_time)::bigint / 60 AS n) AS m;
    CREATE TABLE overlapping AS SELECT extract(epoch FROM event_time)::bigint / 60 % 50 AS part, travel.journey(event_time, source_ip) AS journey
    FROM public.cloudtrail GROUP BY 1;
    -- PostgreSQL converts such a document at once, so it has 4 MB at most.
    CREATE TABLE shipped AS SELECT jsonb_build_object('messageType', 'DATA_MESSAGE', 'logEvents', jsonb_agg(jsonb_build_object(
        'id', n::text, 'timestamp', 0, 'message', r.record::text)))::text AS body
    FROM (SELECT record, row_number() OVER () AS n FROM records LIMIT least($EVENTS / 2, 12000)) AS r;
    -- PostgreSQL cannot cancel the conversion of one array to text, so arrays of more than 8 MB are refused.
    CREATE TABLE arrays AS SELECT ARRAY(SELECT n % 3 + m FROM generate_series(1, 20000) AS m) AS entity,
        '2026-01-01Z'::timestamptz + n * interval '1 minute' AS event_time,
        CASE WHEN n % 10 = 0 THEN inet '203.0.113.1' ELSE inet '192.0.2.1' END AS source_ip
    FROM generate_series(1, least($EVENTS / 500, 500)) AS n;
    -- PostgreSQL cannot cancel the conversion of a text either. A list is converted record by record, and another text of
    -- more than 8 MB is not converted.
    CREATE TABLE record_texts AS SELECT record::text AS body FROM records UNION ALL
    SELECT format('{"eventID": "large", "eventTime": "2026-03-02T09:00:00Z", "list": [%s1]}', repeat('1,', $EVENTS * 50));
    CREATE TABLE document_texts AS SELECT body::text FROM document UNION ALL SELECT body FROM record_texts WHERE length(body) > 1000;
    CREATE TABLE ranges AS SELECT jsonb_build_object('prefixes', jsonb_agg(jsonb_build_object('ip_prefix',
        format('%s/28', inet '10.0.0.0' + n * 16), 'region', 'eu-west-2')),
        'ipv6_prefixes', '[{"ipv6_prefix": "2001:db8::/36", "region": "eu-west-2"}]'::jsonb) AS document
    FROM generate_series(1, least($EVENTS / 10, 20000)) AS n;
    -- All rows are in the DEFAULT partition.
    SELECT travel.create_events_table('public.monthly', partitioned => true);
    INSERT INTO public.monthly (event_id, event_time, source_ip, access_key_id) SELECT event_id, event_time, source_ip, access_key_id FROM cloudtrail;

    -- These sources grow after the first scans of their rules. Half of the new events of one are of the same second. Those
    -- of another are late events of one key, which travels between two cities. Those of the third mint keys that were used.
    SELECT travel.create_events_table('public.grown'), travel.create_events_table('public.late'), travel.create_events_table('public.sessions');
    INSERT INTO travel.rules (name, owner, source, baseline, lineage) VALUES ('scanned', 'postgres', 'public.cloudtrail', false, false),
        ('grown', 'postgres', 'public.grown', false, false), ('learned', 'postgres', 'public.grown', true, false),
        ('late', 'postgres', 'public.late', false, false), ('large', 'postgres', 'public.late', false, false),
        ('sessions', 'postgres', 'public.sessions', true, true);
    CREATE PROCEDURE grow(is_later boolean) LANGUAGE sql AS \$\$
        INSERT INTO public.grown (event_id, event_time, source_ip, access_key_id, actor)
        SELECT event_id, CASE WHEN is_later AND n % 2 = 0 THEN '2026-01-01Z'::timestamptz + $EVENTS / 2 * interval '61 seconds' ELSE event_time END,
            source_ip, access_key_id, actor
        FROM public.cloudtrail, LATERAL (SELECT event_id::bigint AS n) AS m WHERE is_later = (n > $EVENTS / 2);
        INSERT INTO public.late (event_id, event_time, source_ip, access_key_id)
        SELECT n, '2026-01-01Z'::timestamptz + n * interval '4 seconds', CASE WHEN is_later THEN inet '203.0.113.1' ELSE inet '192.0.2.1' END, 'everybody'
        FROM generate_series(is_later::int, $EVENTS / 4, 2) AS n;
        INSERT INTO public.sessions (event_id, event_time, event_name, source_ip, access_key_id, issued_access_key_id, actor)
        SELECT concat_ws(' ', kind, n, is_later), '2026-01-01Z'::timestamptz + n * interval '60 seconds' + (kind = 'use')::int * interval '30 seconds'
                + (kind = 'use' AND is_later)::int * interval '100 days', event_name,
            CASE WHEN n % 101 = 0 THEN inet '203.0.113.1' ELSE inet '192.0.2.0' + n % 200 END,
            CASE kind WHEN 'use' THEN 'temporary key ' || n ELSE 'key ' || n % 301 END, CASE kind WHEN 'mint' THEN 'temporary key ' || n END, 'person ' || n % 203
        FROM generate_series(1, $EVENTS / 4) AS n, (VALUES ('mint', 'AssumeRole'), ('use', 'GetObject')) AS v (kind, event_name)
        WHERE kind = 'use' OR is_later = (n % 2 = 0)
    \$\$;
    CALL grow(false);
    CALL travel.scan('scanned');
    CALL travel.scan('grown');
    CALL travel.scan('learned');
    CALL travel.scan('late');
    CALL travel.scan('sessions');
    CALL grow(true);
    CALL travel.scan('large');
    UPDATE travel.alerts SET status = 'archived', archive_reason = 'other' WHERE id % 2 = 0;
    VACUUM ANALYZE;
SQL
large_alert=$(ask "SELECT id FROM travel.alerts ORDER BY leg_count DESC LIMIT 1")
learned_alert=$(ask "SELECT id FROM travel.alerts WHERE rule = 'sessions' AND status <> 'archived' ORDER BY leg_count DESC LIMIT 1")
note "$(ask "SELECT (SELECT count(*) FROM cloudtrail) || ' events, ' || (SELECT count(*) FROM travel.verdicts) || ' verdicts, ' || (SELECT count(*) FROM travel.alerts) || ' alerts, of which the largest has '
    || (SELECT max(leg_count) FROM travel.alerts) || ' legs'")"

# The changes of a statement are undone, so it has the same amount of work each time. Some statements must commit in steps,
# so they do not run in a transaction block. The following statements reset their state instead.
reset="UPDATE travel_internal.scans SET under_way = false WHERE rule = 'fresh'; DELETE FROM travel.rules WHERE name = 'fresh'; TRUNCATE target;
    DO \$\$ BEGIN IF to_regclass('target_files') IS NOT NULL THEN TRUNCATE target_files; END IF; END \$\$;
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('fresh', 'postgres', 'public.cloudtrail', false)"
statements=(
    "SELECT count(*) FROM travel.detect('cloudtrail')"
    "SELECT count(*) FROM travel.detect('heap')"
    "SELECT count(*) FROM travel.detect('heap', all_legs => true)"
    "SELECT count(*) FROM travel.coverage('heap')"
    "SELECT count(*) FROM travel.detect('records')"
    "SELECT count(*) FROM travel.coverage('records')"
    "SELECT count(*) FROM travel.detect('record_texts', columns => '{\"record\": \"body\"}')"
    "SELECT count(*) FROM travel.coverage('record_texts', columns => '{\"record\": \"body\"}')"
    "SELECT count(*) FROM travel.detect('document_texts', columns => '{\"document\": \"body\"}')"
    "SELECT count(*) FROM travel.coverage('document_texts', columns => '{\"document\": \"body\"}')"
    "SELECT count(*) FROM travel.detect('coordinates')"
    "SELECT count(*) FROM travel.coverage('coordinates')"
    "SELECT count(*) FROM travel.detect('arrays', 'entity')"
    "SELECT count(*) FROM travel.coverage('arrays', 'entity')"
    "SELECT count(travel.locate(source_ip)) FROM heap"
    "SELECT travel.locate('192.0.2.1')"
    "SELECT travel.columns_for('records')"
    "SELECT travel.adopt('records', 'adopted')"
    "SELECT travel.impossible_legs(event_time, source_ip) FROM heap"
    "SELECT travel.impossible_legs(event_time, source_ip, event_id) FROM heap"
    "SELECT travel.impossible_legs(event_time, latitude, longitude, event_id) FROM coordinates"
    "SELECT pg_column_size(travel.journey(event_time, source_ip)) FROM heap"
    "SELECT pg_column_size(travel.journey(event_time, source_ip, event_id)) FROM heap"
    "SELECT count(*) FROM (SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time, source_ip) FROM heap) AS l"
    "SELECT travel.impossible_legs(journey) FROM (SELECT travel.rollup(journey) AS journey FROM journeys) AS k"
    "SELECT pg_column_size(travel.rollup(journey)) FROM overlapping"
    "SELECT count(*) FROM journey, travel.legs(journey)"
    "SELECT travel.event_count(text::travel.journey), length(journey::text) FROM journey"
    "SELECT count(*) FROM spans, travel_internal.incident_groups(ids, entities, users, starts, ends)"
    "SELECT count(*) FROM travel.incidents"
    "SELECT sum(length(r::text)) FROM travel.status AS r"
    "SELECT sum(length(r::text)) FROM travel.alerts_brief AS r"
    "SELECT sum(length(r::text)) FROM travel.alert_points AS r"
    "SELECT sum(length(r::text)) FROM travel.alert_routes AS r"
    "SELECT sum(length(r::text)) FROM travel.alerts_daily AS r"
    "SELECT sum(length(r::text)) FROM travel.coverage_daily AS r"
    "CALL travel.scan('fresh')"
    "CALL travel.scan('grown')"
    "CALL travel.scan('learned')"
    "CALL travel.scan('late')"
    "CALL travel.scan('sessions')"
    "CALL travel.scan()"
    "SELECT travel.create_rule('access_key', 'cloudtrail')"
    "SELECT travel.check_rule('scanned')"
    "DELETE FROM travel.rules WHERE name IN ('scanned', 'large')"
    "CALL travel.rescan('scanned', '-infinity')"
    "SELECT count(*) FROM travel.explain('scanned', 'everybody')"
    "SELECT count(*) FROM travel.backtest('scanned')"
    "SELECT count(*) FROM travel.suggest('scanned')"
    "SELECT length(travel.map_html('scanned'))"
    "SELECT travel.report($large_alert)"
    "SELECT count(*) FROM travel.explain_alert($large_alert)"
    "SELECT count(*) FROM travel.alert_events($large_alert)"
    "SELECT count(*) FROM travel.activity_after($large_alert)"
    "SELECT length(travel.containment($large_alert))"
    "SELECT pg_column_size(travel.alert_geojson($large_alert))"
    "SELECT travel.archive($learned_alert, 'expected')"
    "SELECT travel.silence($learned_alert, '1 day', 'a test')"
    "UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected' WHERE status <> 'archived'"
    "SELECT travel.import_aws_ranges(document) FROM ranges"
    "SELECT travel.prune('1 day')"
    "CALL travel.make_partitions('monthly', '2026-01-01Z')"
    "CALL travel.load_files('target', '$folder')"
    "SELECT travel.ingest('target', body) FROM document WHERE name = 'many'"
    "SELECT travel.ingest('target', body::text) FROM document WHERE name = 'many'"
    "INSERT INTO target_inbox SELECT body::text FROM document WHERE name = 'many'"
    "SELECT travel.ingest('target', body) FROM document WHERE name = 'large'"
    "SELECT travel.ingest('target', body) FROM shipped"
    "SELECT count(travel.parse(r)) FROM document, travel.records(body) AS r"
)

# Functions and views that end soon in any case, each with the reason.
declare -A brief=()
reason() { for name in "${@:2}"; do brief[travel.$name]=$1; done; }
reason 'it computes with a few values, and PostgreSQL checks for a cancel between two rows' distance_km velocity_kmh \
    great_circle is_located event_time source_kind source_ip outcome session_name principal actor try_number
reason 'it converts one value, of 8 MB at most, and PostgreSQL checks for a cancel between two rows' try_jsonb struct_text
reason 'it reads one jsonb, and PostgreSQL checks for a cancel between two rows' try_parse
reason 'it reads the head of one journey' first_time last_time
reason 'it writes the text of a query, and does not run it' detect_sql
reason 'it creates or changes a fixed number of objects of the database' create_events_table create_inbox grant_to
reason 'it reads and writes the row of one rule' confirm_source
reason 'it reads or writes a row for each rule' accept_geoip assert_healthy
reason 'it reads a row for each GeoIP file' geoip_databases node_state
reason 'the number of its rows is fixed' aws_regions presets

every_statement=("${statements[@]}")
if [ -n "${MATCHING:-}" ]; then
    mapfile -t statements < <(printf '%s\n' "${statements[@]}" | grep -E "$MATCHING")
    holds "a statement matches $MATCHING" [ "${#statements[@]}" -gt 0 ]
fi

# run MS STATEMENT: runs the statement with a timeout, and prints its time in ms and how it ended.
run() {
    local block=(BEGIN ROLLBACK) jit=on
    # A session reads the named networks when it first locates an address.
    case $2 in "SELECT travel.locate('"*) block[0]='BEGIN; SELECT travel.import_aws_ranges(document) FROM ranges' ;; esac
    case $2 in "CALL travel.scan('fresh')" | 'CALL travel.rescan'* | 'CALL travel.load_files'*) block=('' "$reset") ;; esac
    # PostgreSQL would compile these queries, and it cannot cancel a compilation. The functions of the extension turn
    # JIT off only for their own queries.
    case $2 in *'FROM heap'* | *'FROM coordinates'* | *'FROM journey'* | *'FROM overlapping'* | *'FROM spans'* | *'FROM document'* | *'FROM shipped'* | *'FROM ranges'* | *'FROM travel.incidents'* | *'FROM travel.alert'* | *'FROM travel.coverage_daily'* | *'FROM travel.status'* | UPDATE* | INSERT*) jit=off ;; esac
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

[ "$(ask 'SELECT pg_jit_available()')" = t ] || note 'this server has no JIT, so the test does not show that our queries turn it off'
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
    # If the speed of the machine varies, a statement can end before its timeout. A short statement is tried again.
    for ((try = 0; try < 20 && ends == 0; try++)); do
        worst=$(late 1 "$statement") at=1
        [ -z "$worst" ] || ends=1
    done
    [ "$ends" -gt 0 ] || fail "it was never interrupted: $statement"
    cuts=$((cuts + ends))
    note "$(printf '%4d ms late (after %5d of %6d ms; %d of %d moments): %.90s' "$worst" "$at" "${whole%.*}" "$ends" "$MOMENTS" "$statement")"
    holds "$worst ms late after $at ms: $statement" [ "$worst" -le "$BOUND_MS" ]
done
note "$cuts statements were cut short"
holds 'enough statements were cut short' [ "$cuts" -ge "$((${#statements[@]} * MOMENTS / 3))" ]

rule 'each function and view that users call is interrupted above, or has a reason why it ends soon'
# PostgreSQL calls the trigger function travel.inbox for the INSERT into target_inbox.
interrupted=$(printf '%s\n' "${every_statement[@]}" 'travel.inbox(' | grep -o -E 'travel\.\w+' | LC_ALL=C sort -u)
in_catalog=$(ask "SELECT DISTINCT 'travel.' || name FROM (SELECT proname FROM pg_proc WHERE pronamespace = 'travel'::regnamespace
    UNION SELECT relname FROM pg_class WHERE relnamespace = 'travel'::regnamespace AND relkind IN ('v', 'm')) AS o (name)" | LC_ALL=C sort)
same 'functions and views in neither list' '' "$(LC_ALL=C comm -23 <(printf '%s\n' "$in_catalog") <(printf '%s\n' "$interrupted" "${!brief[@]}" | LC_ALL=C sort -u))"
same 'functions and views in both lists' '' "$(LC_ALL=C comm -12 <(printf '%s\n' "$interrupted") <(printf '%s\n' "${!brief[@]}" | LC_ALL=C sort))"
same 'reasons for what does not exist' '' "$(LC_ALL=C comm -13 <(printf '%s\n' "$in_catalog") <(printf '%s\n' "${!brief[@]}" | LC_ALL=C sort))"
no_crash
