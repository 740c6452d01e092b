#!/usr/bin/env bash
# Parallel plans give the same results as serial plans, one huge key takes bounded memory, long queries can be canceled,
# and a session that repeats statements thousands of times does not grow.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start e2e-big "impossible_travel.geoip_path = '$SERVERS/e2e-big/files/geoip'" 'impossible_travel.coverage_notice = off' \
    'shared_buffers = 16MB' 'work_mem = 4MB' 'max_wal_size = 4GB' 'autovacuum = off' 'jit = off' 'max_parallel_workers_per_gather = 2'
server_copy geoip "$WORK/sample/geoip"/*.mmdb >/dev/null
ask 'CREATE EXTENSION impossible_travel'

# Addresses of all kinds: located, a country only, anycast, unknown, private, IPv6, mapped.
run_psql --quiet <<'SQL'
    CREATE UNLOGGED TABLE event AS
    SELECT 'AKIA' || lpad((hashint4(n) & 4095)::text, 16, '0') AS access_key_id,
           timestamptz '2026-01-01 00:00Z' + (hashint4(n + 1000000) & 1048575) * interval '2.5 seconds' AS event_time,
           ('{192.0.2.1,192.0.2.2,192.0.2.40,192.0.2.120,198.51.100.1,198.51.100.40,198.51.100.200,198.51.100.230,'
            '203.0.113.1,203.0.113.130,'
           '198.18.0.1,198.19.200.1,198.19.230.1,10.0.0.1,2001:db8::1,2001:db8:2000::1,::ffff:192.0.2.3,'
           '9.9.9.9}'::inet[])[1 + (hashint4(CASE
               WHEN n % 12 = 0 THEN n
               ELSE hashint4(n) & 4095 END) & 65535) % 18] AS source_ip,
           'id ' || n AS event_id,
           CASE WHEN n % 50 = 0 THEN 'failed_auth' ELSE 'success' END AS outcome,
           NULL::text AS invoked_by
    FROM generate_series(1, 300000) AS n;
    -- Duplicates, and the same second.
    INSERT INTO event
    SELECT access_key_id, event_time, source_ip, event_id || ' again', outcome
    FROM event
    WHERE event_time < '2026-01-03 00:00Z';
    ANALYZE event;
SQL

digest_of_rows() { printf "SELECT count(*) || ' ' || coalesce(md5(string_agg(r::text, E'\\\\n' ORDER BY r::text)), '')
    FROM (%s) AS r" "$1"; }
parallel='SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 3;'
alone='SET parallel_leader_participation = off;'
serial='SET max_parallel_workers_per_gather = 0;'
# PostgreSQL 16 renamed this setting.
force_parallel=debug_parallel_query
[ "$(pg_major)" -ge 16 ] || force_parallel=force_parallel_mode
last() { tail -n 1; }

rule 'the aggregate gives the legs of the window function in every plan: serial, hashed, sorted, parallel, in workers alone'
evaluated="outcome IS DISTINCT FROM 'failed_auth'"
aggregate="SELECT access_key_id, travel.impossible_legs(event_time, source_ip) AS legs FROM event WHERE $evaluated
    GROUP BY access_key_id"
with_ids="SELECT access_key_id, travel.impossible_legs(event_time, source_ip, event_id) AS legs FROM event
    WHERE $evaluated GROUP BY access_key_id"
window="SELECT access_key_id, (l).* FROM (SELECT access_key_id, travel.leg(event_time, source_ip, event_id) OVER
    (PARTITION BY access_key_id ORDER BY event_time, travel.source_ip(source_ip), event_id COLLATE \"C\") AS l
        FROM event WHERE $evaluated) AS s WHERE (l).impossible"
plan=$(ask "$parallel EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) $aggregate")
case $plan in *'Partial'*'Workers Launched: '[1-9]*) ;; *'Workers Launched: '[1-9]*'Partial'*) ;; *) fail "no parallel aggregate: $plan" ;; esac
for query in "$aggregate" "$with_ids"; do
    wanted=$(ask "$serial $(digest_of_rows "$query")" | last)
    same 'sorted' "$wanted" "$(ask "$serial SET enable_hashagg = off; $(digest_of_rows "$query")" | last)"
    same 'spilled' "$wanted" "$(ask "$serial SET work_mem = '64kB';
        SET enable_sort = off; $(digest_of_rows "$query")" | last)"
    same 'in parallel' "$wanted" "$(ask "$parallel $(digest_of_rows "$query")" | last)"
    same 'in workers alone' "$wanted" "$(ask "$parallel $alone $(digest_of_rows "$query")" | last)"
    same 'in parallel, sorted' "$wanted" "$(ask "$parallel
        SET enable_hashagg = off; $(digest_of_rows "$query")" | last)"
done
legs=$(ask "$serial SELECT count(*) FROM ($window) AS w")
holds "there are thousands of legs: $legs" between 5000 1000000 "$legs"
same 'window function and aggregate' "$(ask "$serial $(digest_of_rows "$window")" | last)" \
    "$(ask "$serial $(digest_of_rows "SELECT access_key_id, l.* FROM ($with_ids) AS a, unnest(legs) AS l")" | last)"

rule 'travel.detect gives the same findings serially and in parallel, one for each leg'
plan=$(run_psql --quiet --no-align --tuples-only <<SQL
$parallel
SELECT 'EXPLAIN (COSTS OFF) ' || travel.detect_sql('event') \gexec
SQL
)
case $plan in *Gather*) ;; *) fail "no parallel plan: $plan" ;; esac
detect="SELECT * FROM travel.detect('event')"
wanted=$(ask "$serial $(digest_of_rows "$detect")" | last)
same 'the aggregate finds as many' "$legs" "${wanted%% *}"
same 'in parallel' "$wanted" "$(ask "$parallel $(digest_of_rows "$detect")" | last)"
same 'in workers alone' "$wanted" "$(ask "$parallel $alone $(digest_of_rows "$detect")" | last)"
same 'forced into a worker' "$wanted" "$(ask "$parallel
    SET $force_parallel = on; $(digest_of_rows "$detect")" | last)"
coverage=$(digest_of_rows "SELECT * FROM travel.coverage('event')")
same 'coverage' "$(ask "$serial $coverage" | last)" "$(ask "$parallel $coverage" | last)"
same 'coverage counts the rows' "$(ask 'SELECT count(*) FROM event')" \
    "$(ask "SELECT sum(events) FROM travel.coverage('event')")"
counted() { ask_all "$1 SET impossible_travel.coverage_notice = on; SELECT count(*) FROM travel.detect('event')" \
    | grep -o 'evaluated [0-9]* events.*'; }
same 'the notice counts the same' "$(counted "$serial")" "$(counted "$parallel")"
same 'coverage counts the same' "$(counted "$serial" | grep -o '^evaluated [0-9]* events')" \
    "$(ask "SELECT 'evaluated ' || sum(events) || ' events' FROM travel.coverage('event')
        WHERE status IN ('evaluated', 'duplicate')")"

# Prints the parallel plan of the query of travel.detect, with the output of its nodes. Without auto_explain, it prints
# nothing.
plan_of_detect() {
    [ -f "$("$PG_CONFIG" --pkglibdir)/auto_explain.so" ] || return 0
    ask "$parallel LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_verbose = on;
        SET auto_explain.log_nested_statements = on; SET auto_explain.log_level = notice;
        SELECT count(*) FROM travel.detect('$1')" >/dev/null 2>"$SCRATCH/plans"
    awk '/^NOTICE:/ { is_detect = 0 } /^Query Text: WITH events/ { is_detect = 1 }
        is_detect && /cost=/ { is_plan = 1 } is_detect && is_plan' "$SCRATCH/plans"
}
# Only a server without auto_explain has no plan to print.
is_plan_or_unknown() { [ -n "$1" ] || [ ! -f "$("$PG_CONFIG" --pkglibdir)/auto_explain.so" ] || fail 'there is no plan'; }

rule 'with many entities and no index, each process evaluates whole entities, and the findings are those of one process'
ask "CREATE UNLOGGED TABLE minted AS SELECT event_time, source_ip, event_id, outcome, invoked_by,
    access_key_id || right(event_id, 1) AS access_key_id FROM event"
ask 'ANALYZE minted'
minted="SELECT * FROM travel.detect('minted')"
same 'in parallel' "$(ask "$serial $(digest_of_rows "$minted")" | last)" "$(ask "$parallel $(digest_of_rows "$minted")" | last)"
plan=$(plan_of_detect minted)
is_plan_or_unknown "$plan"
case $plan in *'impossible_legs('*) fail "a process combines groups: $plan" ;;
'' | *'write_events('*'Parallel Seq Scan on public.minted'*'Gather Merge'*'->  ProjectSet'*'Output: travel_internal.findings('*'Parallel Append'*'Function Scan on travel_internal.legs_of_shares'*'Tid Scan on public.minted'*) ;;
*) fail "the processes do not share one pass: $plan" ;; esac
ask 'DROP TABLE minted'

rule 'with a covering index, workers find the legs, look up their events and make the findings, which are the same'
ask "CREATE INDEX event_in_order ON event (access_key_id, event_time, source_ip) INCLUDE (outcome, invoked_by)"
ask 'VACUUM ANALYZE event'
same 'serially' "$wanted" "$(ask "$serial $(digest_of_rows "$detect")" | last)"
same 'in parallel' "$wanted" "$(ask "$parallel $(digest_of_rows "$detect")" | last)"
same 'in workers alone' "$wanted" "$(ask "$parallel $alone $(digest_of_rows "$detect")" | last)"
same 'forced into a worker' "$wanted" "$(ask "$parallel
    SET $force_parallel = on; $(digest_of_rows "$detect")" | last)"
plan=$(plan_of_detect event)
is_plan_or_unknown "$plan"
case $plan in '' | 'Gather Merge'*'->  Sort'*'->  ProjectSet'*'Output: travel_internal.findings('*'Index Scan using event_in_order'*) ;;
*) fail "workers do not make the findings: $plan" ;; esac
ask 'DROP INDEX event_in_order'

rule 'travel.detect, the window function, travel.coverage and travel.rollup take bounded memory for one key with many events'
run_psql --quiet <<'SQL'
    CREATE UNLOGGED TABLE big AS
    SELECT 'AKIABIG' AS access_key_id,
        timestamptz '2026-01-01 00:00Z' + (n * 7919::bigint % 2000003) * interval '1 second' AS event_time,
           CASE
               WHEN n * 7919::bigint % 2000003 IN (500000, 1500000) THEN inet '203.0.113.1'
               ELSE inet '192.0.2.0' + n % 30 END AS source_ip,
           NULL::text AS outcome, NULL::text AS invoked_by
    FROM generate_series(1, 2000000) AS n;
    ANALYZE big;
SQL
memory() { awk -v what="$2:" '$1 == what { print int($2 / 1024) }' "/proc/$1/status"; }
# Runs a statement in a backend of its own, and bounds the memory that it takes beyond a count of the same rows.
#   takes_at_most MB WHAT ANSWER STATEMENT
takes_at_most() {
    local pid before began used
    session_open
    session 'SELECT pg_backend_pid()'
    pid=${ANSWER% }
    session "$serial SELECT count(*) FROM big"
    before=$(memory "$pid" VmHWM)
    began=$(now)
    session "$4"
    same "the answer of $2" "$3 " "$ANSWER"
    used=$(($(memory "$pid" VmHWM) - before))
    note "$2 over the events of one key: $(since "$began") s, $used MB above $before MB"
    holds "$2 took $used MB" between 0 "$1" "$used"
    session_close
}
takes_at_most 250 travel.detect 4 "SELECT count(*) FROM travel.detect('big')"
window_big="SELECT count(*) FROM (SELECT travel.leg(event_time, source_ip) OVER (PARTITION BY access_key_id
    ORDER BY event_time, source_ip) AS l FROM big) AS s WHERE (l).impossible"
takes_at_most 50 'the window function' 4 "$window_big"
takes_at_most 200 travel.coverage 2000000 "SELECT sum(events) FROM travel.coverage('big')"
# 60 journeys that overlap, with 10,000 events each. They have so many addresses that each is merged with the others.
ask "CREATE TABLE overlapping AS SELECT travel.journey(timestamptz '2026-01-01 00:00Z' + t * interval '1 second',
    inet '10.0.0.0' + t / 60 % 300) AS journey FROM generate_series(1, 600000) AS t GROUP BY t % 60"
takes_at_most 60 travel.rollup 60 "SELECT CASE travel.event_count(travel.rollup(journey))
    WHEN sum(travel.event_count(journey)) THEN count(*) END FROM overlapping"
# The joins of both queries are hash joins, so no leg causes a scan of the whole table. travel.detect reads the table
# twice: for the legs, and for the events at their ends.
if [ -f "$("$PG_CONFIG" --pkglibdir)/auto_explain.so" ]; then
    ask "$serial LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;
        SET auto_explain.log_nested_statements = on; SET auto_explain.log_level = notice;
        SELECT count(*) FROM travel.detect('big')" >/dev/null 2>"$SCRATCH/plans"
    run_psql --quiet --no-align --tuples-only <<SQL >"$SCRATCH/plan"
$serial
SELECT 'EXPLAIN ' || travel.detect_sql('big') \gexec
SQL
    nodes() { grep -o -E '^ *(-> *)?[A-Z][A-Za-z]*( [A-Za-z0-9_]+)* +[(]cost' \
        | sed -E 's/^ *(-> *)?//; s/ +[(]cost//' | paste -s -d ,; }
    # The plan among those of the session whose query begins as that of travel.detect.
    detect_plan=$(awk '/^NOTICE:/ { is_detect = 0 } /^Query Text: WITH events/ { is_detect = 1 } is_detect' \
        "$SCRATCH/plans" | nodes)
    for plan in "$(nodes <"$SCRATCH/plan")" "$detect_plan"; do
        case $plan in
        *'Nested Loop'* | *'Merge'*) fail "a join that is bad for many rows: $plan" ;;
        *Hash*Join*) ;;
        *) fail "that is no plan: $plan" ;;
        esac
    done
    same 'scans of the table by travel.detect' 2 "$(grep -o 'Seq Scan on big' <<<"$detect_plan" | wc -l)"
fi

rule 'the aggregate, the window function and travel.detect stop within about a second of work after a cancel'
aggregate_big="SELECT cardinality(travel.impossible_legs(event_time, source_ip)) FROM big"
ids_big="SELECT cardinality(travel.impossible_legs(event_time, source_ip, event_time::text)) FROM big"
# The CPU time of a process in hundredths of a second. Unlike elapsed time, it does not depend on what else the machine
# does.
worked() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null \
    | awk -v tick="$(getconf CLK_TCK)" '{ print int(($12 + $13) * 100 / tick) }'; }
# Cancels the query of a backend once it has used so much CPU time, and leaves the CPU time at the cancel in a file.
cancel_after() { # cancel_after PID HUNDREDTHS FILE
    local began
    began=$(worked "$1")
    until [ "$(worked "$1")" -ge $((began + $2)) ]; do sleep 0.02; done
    worked "$1" >"$3"
    kill -INT "$1"
}
slowest=0 cancelled=0 sooner=0
for query in "$aggregate_big" "$ids_big" "$window_big" "SELECT count(*) FROM travel.detect('big')" "SELECT count(*) FROM travel.detect('event', all_legs => true)" \
    "SELECT count(*) FROM travel.coverage('big')" "CREATE MATERIALIZED VIEW never AS SELECT *
        FROM travel.detect('big')"; do
    for mode in "$serial" 'SET max_parallel_workers_per_gather = 2;'; do
        session_open --set VERBOSITY=verbose
        session "SELECT pg_backend_pid()"
        pid=${ANSWER% }
        session "$mode SELECT 1"
        for after in 25 60; do
            rm -f "$SCRATCH/worked"
            cancel_after "$pid" $after "$SCRATCH/worked" &
            canceller=$!
            session "$query"
            case $ANSWER in
            *57014*)
                wait "$canceller"
                took=$(($(worked "$pid") - $(cat "$SCRATCH/worked")))
                slowest=$((took > slowest ? took : slowest)) cancelled=$((cancelled + 1))
                case $query in *coverage*) most=40 ;; *) most=120 ;; esac
                holds "cancelled, it worked on for $took hundredths of a second: $query" between 0 "$most" "$took"
                ;;
            *ERROR*) fail "$query: $ANSWER" ;;
            *) # It was ready sooner.
                kill "$canceller" 2>/dev/null || true
                wait "$canceller" || true
                sooner=$((sooner + 1))
                note "ended before $after hundredths: ${query:0:70}"
                ask 'DROP MATERIALIZED VIEW IF EXISTS never' 2>/dev/null
                ;;
            esac
        done
        session_close
    done
done
note "$cancelled queries were canceled, $sooner ended before; the slowest worked on for $slowest hundredths of a second"
holds 'most of them were canceled' test "$cancelled" -ge 14
# Another session cancels queries of one backend again and again. Afterwards the backend works as before.
session_open
session 'SELECT pg_backend_pid()'
pid=${ANSWER% }
session "SET enable_partitionwise_aggregate = on; SET $force_parallel = regress"
for after in 10 20 30; do
    cancel_after "$pid" $after "$SCRATCH/worked" &
    session "SELECT count(*) FROM travel.detect('big')"
    case $ANSWER in *'canceling statement due to user request'*) ;; *) fail "not cancelled: $ANSWER" ;; esac
    wait $!
done
session "SHOW enable_partitionwise_aggregate; SHOW $force_parallel"
same 'the settings that travel.detect changes are restored' 'on regress ' "$ANSWER"
session "DO \$\$ BEGIN PERFORM * FROM travel.detect('big', condition => '1 / (extract(epoch
    FROM event_time)::int % 1000 - 500) > 2');
    EXCEPTION WHEN division_by_zero THEN RAISE NOTICE 'caught'; END \$\$; SHOW enable_partitionwise_aggregate; SHOW $force_parallel"
case $ANSWER in *'caught'*'on regress ') ;; *) fail "after an error that was caught: $ANSWER" ;; esac
session "SELECT count(*) FROM travel.detect('big')"
same 'it works after that' '4 ' "$ANSWER"
session_close

rule 'canceled queries leave nothing behind'
# Processes that are just ending may still hold locks.
no_files() { [ -z "$(as_server find "$SERVER_DIR/data/base/pgsql_tmp" -type f -not -path '*/pgsql_tmp_impossible_travel/*' 2>/dev/null)" ]; }
eventually 'no temporary files are left' no_files
same 'unfinished copies' '' "$(as_server find "$SERVER_DIR/data/base/pgsql_tmp" -name 'temporary-*')"
waits_until "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'pg_temp%'),
    (SELECT count(*) FROM pg_class WHERE relname = 'never'), (SELECT count(*) FROM pg_locks
        WHERE locktype <> 'virtualxid' AND pid <> pg_backend_pid())" '0|0|0'
note 'no temporary table, view or lock'

rule 'a session that calls every function thousands of times does not grow'
ask "SELECT travel.create_events_table('cloudtrail')" >/dev/null
run_psql --quiet <<'SQL'
    CREATE TABLE few AS SELECT * FROM event WHERE access_key_id IN (SELECT min(access_key_id) FROM event);
    CREATE TABLE document AS
    SELECT jsonb_build_object('Records',
        jsonb_agg(jsonb_build_object('eventID', event_id, 'eventTime', event_time, 'sourceIPAddress', host(source_ip),
        'userIdentity', jsonb_build_object('accessKeyId', access_key_id)))) AS body FROM few;
SQL
once="SELECT count(*) FROM travel.detect('few');
SELECT count(l) FROM (SELECT travel.leg(event_time, source_ip, event_id) OVER (ORDER BY event_time, source_ip) AS l
    FROM few) AS s;
SELECT count(travel.locate(source_ip)) FROM few;
SELECT travel.ingest('cloudtrail', body) FROM document;
SELECT cardinality(travel.impossible_legs(event_time, source_ip, event_id)) FROM few;
SELECT count(*) FROM travel.geoip_databases();
SELECT length(travel.detect_sql('few'));
DO 'BEGIN PERFORM travel.locate(NULL); PERFORM *
    FROM travel.detect(''few'', entity => ''nothing''); EXCEPTION WHEN OTHERS THEN NULL; END';"
many() { for ((n = 0; n < $1; n++)); do printf '%s\n' "$once"; done; }
session_open --output /dev/null
ready() {
    printf '\\o\nSELECT %s;\n\\o /dev/null\n' "$1" >&"$session_in"
    IFS= read -r -t "$PATIENCE" -u "$session_out" ANSWER || fail "the session does not come to: $1"
}
ready 'pg_backend_pid()'
pid=$ANSWER
many 60 >&"$session_in"
ready 1
before=$(memory "$pid" VmRSS)
began=$(now)
many 500 >&"$session_in"
ready 2
same 'the session said nothing else' 2 "$ANSWER"
grown=$(($(memory "$pid" VmRSS) - before))
note "4000 statements, half of them over a key's events: $(since "$began") s, $before MB before, $grown MB more after"
same 'the session ran every statement' t "$(ask 'SELECT count(*) > 10 FROM cloudtrail')"
holds "the session grew by $grown MB" between -100 4 "$grown"
# The same within one transaction, where memory that is not freed at once accumulates.
printf '%s\n' "DO \$\$ BEGIN FOR n IN 1..500 LOOP
    PERFORM * FROM travel.detect('few'); PERFORM travel.ingest('cloudtrail', body)
        FROM document; PERFORM travel.locate(source_ip) FROM few;
    PERFORM travel.leg(event_time, source_ip) OVER (ORDER BY event_time, source_ip) FROM few;
    PERFORM travel.impossible_legs(event_time, source_ip) FROM few; PERFORM *
        FROM travel.geoip_databases(); END LOOP; END \$\$;" >&"$session_in"
ready 3
grown=$(($(memory "$pid" VmRSS) - before))
note "3000 more in one transaction: $grown MB more"
holds "the session grew by $grown MB" between -100 8 "$grown"
session_close
no_crash
