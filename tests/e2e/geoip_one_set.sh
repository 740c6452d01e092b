#!/usr/bin/env bash
# A statement sees one set of databases, no matter when its parallel workers start.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

two_databases "$WORK/sample/geoip/Sample-City.mmdb" "$SCRATCH/a" "$SCRATCH/b"
chmod 0755 "$SCRATCH"

# The leader takes no part, so every row comes from a worker.
start e2e-one-set "impossible_travel.geoip_path = '$SERVERS/e2e-one-set/files/current/geoip'" \
    'parallel_setup_cost = 0' 'parallel_tuple_cost = 0' 'min_parallel_table_scan_size = 0' \
    'max_parallel_workers_per_gather = 2' 'parallel_leader_participation = off'
mkdir "$SERVER_DIR/files/first"
ln -s first "$SERVER_DIR/files/current"
folder="$SERVER_DIR/files/current/geoip"
file="$folder/City.mmdb"
mkdir "$folder"
replace_by_rename "$SCRATCH/a" "$file"
gate="$SCRATCH/gate"
run_psql --quiet --set "gate=$gate" <<'SQL'
    CREATE EXTENSION impossible_travel;
    -- Waits for the file that opens the gate. PostgreSQL finds the value of a subquery that depends on no row before it
    -- launches the workers of the statement.
    SELECT format($$
        CREATE FUNCTION gate() RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE AS $f$
        BEGIN
            WHILE (pg_stat_file(%L, true)).size IS NULL LOOP PERFORM pg_sleep(0.02); END LOOP;
            RETURN 0;
        END $f$ $$, :'gate') \gexec
    -- The process that evaluates it. A worker may run it.
    CREATE FUNCTION process() RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE
        AS 'BEGIN RETURN pg_backend_pid(); END';
    -- Addresses that are all in London (or all in Lisbon), in several megabytes.
    CREATE TABLE visit AS
    SELECT n, '192.0.2.0'::inet + n % 16 AS ip, repeat('x', 200) AS filler
    FROM generate_series(1, 20000) AS n;
    -- The same as events of a few keys, with every second one in New York, so that every leg has an end in London.
    CREATE TABLE event AS
        SELECT 'key ' || n % 4 AS access_key_id, timestamptz '2026-01-01' + n * interval '1 minute' AS event_time,
               CASE WHEN n / 4 % 2 = 0 THEN inet '192.0.2.1' ELSE inet '198.51.100.1' END AS source_ip,
                   repeat('x', 200) AS filler
        FROM generate_series(1, 20000) AS n;
    ANALYZE;
SQL
city="SELECT (travel.locate('192.0.2.1')).city"
same 'before all' London "$(ask "$city")"

# Shows what each process of a statement saw: CREATE TABLE AS keeps the rows, and EXPLAIN shows the plan.
seen_by_workers() { # seen_by_workers QUERY: leaves the rows in the table seen
    ask "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) CREATE TABLE seen AS $1" >"$SCRATCH/plan"
    launched "$1"
}
located_by_workers() { # located_by_workers QUERY
    case $1 in *impossible_legs*) in_workers 'PARTIAL travel.impossible_legs(' "$1" ;; *) in_workers 'travel.locate(' "$1" ;; esac
}
launched() {
    grep -q 'Workers Launched: 2' "$SCRATCH/plan" || fail "no two workers were launched for: $1
$(cat "$SCRATCH/plan")"
}
seen() { ask "SELECT string_agg(DISTINCT city, ',' ORDER BY city) FROM seen; DROP TABLE seen;"; }

# The same with a statement that waits at the gate, where its QUERY sends it. What is done between these two functions
# happens after the statement began and before its workers start.
begin_statement() { # begin_statement QUERY
    rm -f "$gate"
    asked=$1
    ask "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) CREATE TABLE seen AS $asked" >"$SCRATCH/plan" &
    statement=$!
    eventually 'the statement is at the gate' at_gate
}
at_gate() {
    kill -0 "$statement" 2>/dev/null || fail 'the statement ended before it came to the gate'
    [ "$(ask "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ]
}
end_statement() {
    : >"$gate"
    wait "$statement"
    launched "$asked"
}

other_than() { if [ "$1" = London ]; then printf 'Lisbon'; else printf 'London'; fi; }
put() { # put CITY: replaces the file by the one where that city is
    if [ "$1" = London ]; then replace_by_rename "$SCRATCH/a" "$file"; else replace_by_rename "$SCRATCH/b" "$file"; fi
}

# A new file is used by statements that begin a second after any session last looked at the old one. To make this
# statement use the old one, a session looks between its beginning and the replacement: its leader, or another session.
during() { # during WHAT QUERY leader|other watched|alone: other sessions see the new file meanwhile, or none looks
    rule "$1"
    local first=$now_in next
    next=$(other_than "$first")
    located_by_workers "$2"
    begin_statement "$2"
    if [ "$3" = other ]; then same 'another session, before the replacement' "$first" "$(ask "$city")"; fi
    put "$next"
    if [ "$4" = watched ]; then waits_until "$city" "$next"; else sleep 1.1; fi
    end_statement
    same 'the whole statement saw the first database' "$first" "$(seen)"
    waits_until "$city" "$next"
    seen_by_workers "$plain"
    same 'a statement afterwards sees the second alone' "$next" "$(seen)"
    now_in=$next
}
now_in=London
slow='SELECT gate()'
asking="SELECT length((travel.locate('192.0.2.1')).city) * 0 + gate()"
plain='SELECT (travel.locate(ip)).city FROM visit'
during 'workers start after the replacement; the leader had asked before it' "$plain WHERE n > ($asking)" leader watched
during 'workers start after the replacement; the leader had not asked; nobody else did' "$plain
    WHERE n > ($slow)" other alone
during 'workers start after the replacement; the leader had not asked, others saw the new file' "$plain
    WHERE n > ($slow)" other watched
legs="SELECT l.from_city AS city FROM (SELECT access_key_id, travel.impossible_legs(event_time, source_ip) AS legs
    FROM event
    WHERE filler > '' AND date_part('year', event_time) > ($slow) GROUP BY access_key_id) AS j, unnest(j.legs) AS l
        WHERE l.from_city <> 'New York'"
during 'the same for the aggregate' "$legs" other watched

rule 'when no session has looked for a second, the workers find the new file at once, and all use one set'
next=$(other_than "$now_in")
located_by_workers "$plain WHERE n > ($slow)"
sleep 1.1
begin_statement "$plain WHERE n > ($slow)"
put "$next"
end_statement
saw=$(seen)
case $saw in London | Lisbon) note "they saw $saw, the file was $now_in until then" ;; *) fail "the workers saw $saw" ;; esac
waits_until "$city" "$next"

rule 'the first statement of all fails if the file is replaced before it looks, because others may have seen the old one'
# Nothing in the store tells a process that it is the first, and a process without a copy keeps its file in memory.
server_stop
server_resume e2e-one-set
put London
begin_statement "$plain WHERE n > ($slow)" 2>"$SCRATCH/refusal"
put Lisbon
: >"$gate"
if wait "$statement"; then fail 'the statement used a file that was replaced after it began'; fi
same 'the error' 'ERROR:  a GeoIP database changed while the statement ran, or just before' \
    "$(grep '^ERROR' "$SCRATCH/refusal")"
same 'the next statement' Lisbon "$(ask "$city")"

rule 'the first statement that begins a second after the replacement sees it, even if no session looked before'
# The leader asks first. Workers alone might find the new file at the same moment and leave it to the next statement.
first="SELECT string_agg(DISTINCT city, '+') FROM (SELECT (travel.locate(ip)).city FROM visit
    WHERE n > (SELECT length((travel.locate('192.0.2.1')).city) * 0) OFFSET 0) AS s"
located_by_workers "$first"
for next in London Lisbon London; do
    put $next
    sleep 1.1
    same 'a first statement' $next "$(ask "$first")"
done

rule 'workers alone find the new file, even if statements follow each other at once'
# No leader looks at the file, and each look of a worker is less than a second after the one before it.
alone="SELECT string_agg(DISTINCT city, '+') FROM (SELECT (travel.locate(ip)).city FROM visit OFFSET 0) AS s"
located_by_workers "$alone"
for next in Lisbon London; do
    put $next
    waits_until "$alone" $next
    note "after $TOOK s"
done

rule 'so does a statement that begins a second after the first look at the file'
for next in Lisbon London; do
    put $next
    ask "$city" >/dev/null
    sleep 1.1
    same 'a second statement' $next "$(ask "$city")"
done

rule 'no statement mixes two sets when a link in the middle of the path is turned to an older folder'
mkdir -p "$SERVER_DIR/files/second/geoip"
cp "$SCRATCH/b" "$SERVER_DIR/files/second/geoip/City.mmdb"
turn() { ln -s "$1" "$SERVER_DIR/files/link" && mv -T "$SERVER_DIR/files/link" "$SERVER_DIR/files/current"; }
for subquery in "$slow" "$asking"; do
    begin_statement "$plain WHERE n > ($subquery)"
    if [ "$subquery" = "$slow" ]; then same 'before' London "$(ask "$city")"; fi
    turn second
    waits_until "$city" Lisbon
    end_statement
    same 'the whole statement saw the first database' London "$(seen)"
    turn first
    waits_until "$city" London
done

rule 'a query in a function shares the set of its caller, even if it runs longer than files are checked'
rm -f "$gate"
ask "DO \$\$ DECLARE
    question text := 'SELECT string_agg(DISTINCT city, ''+'')
            || CASE WHEN bool_or(process = pg_backend_pid()) THEN '' by the leader'' ELSE '' by workers'' END
        FROM (SELECT (travel.locate(ip)).city, process() FROM visit WHERE visit.n < 2000 OFFSET 0) AS s';
    answer text;
    seen text[];
    after int := 0;
BEGIN
    WHILE after < 3 LOOP
        IF (pg_stat_file('$gate', true)).size IS NOT NULL THEN after := after + 1; END IF;
        EXECUTE question INTO answer;
        seen := seen || answer;
        PERFORM pg_sleep(0.1);
    END LOOP;
    CREATE TABLE seen AS SELECT unnest(seen) AS city; END \$\$" &
statement=$!
eventually 'the statement has asked' at_gate
put Lisbon
waits_until "$city" Lisbon
: >"$gate"
wait "$statement"
note "asked $(ask 'SELECT count(*) FROM seen') times"
same 'each time within a statement' 'London by workers' "$(seen)"

rule 'no short parallel statement ever sees two cities while the files change all the time'
put London
waits_until "$city" London
running="$SCRATCH/running"
mkdir "$running"
# OFFSET keeps the subquery together, so workers locate the addresses. Before that, a statement looks at the file in the
# leader alone.
question="SELECT count(*) || ' ' || string_agg(DISTINCT city, '+') FROM (SELECT (travel.locate(ip)).city FROM visit
    WHERE n % 3 = 0 OFFSET 0) AS s;"
located_by_workers "${question%;}"
for n in 1 2; do
    while [ -d "$running" ]; do
        printf '%s\n' "DO 'BEGIN PERFORM travel.locate(''192.0.2.1''); END';" "$question" "$question" "$question" "$question"
    done | PGAPPNAME=asker run_psql --quiet --no-align --tuples-only >"$SCRATCH/short-$n" 2>"$SCRATCH/short-$n.err" &
done
turns() { uniq "$SCRATCH/short-$1" | wc -l; }
both_saw() { for n in 1 2; do [ "$(turns $n)" -ge "$1" ] || return 1; done; }
changes=0
for wanted in 1 2 3 4; do
    # There and back without waiting, and then again until both sessions have seen it.
    if [ "$wanted" -gt 1 ]; then
        now_in=$(other_than "$now_in")
        put "$now_in"
        sleep 0.3
        put "$(other_than "$now_in")"
        sleep 0.3
        put "$now_in"
        changes=$((changes + 3))
    else
        now_in=London
    fi
    eventually "both sessions see turn $wanted: $now_in" both_saw "$wanted"
done
rmdir "$running"
wait
for n in 1 2; do
    same "session $n" '6666 Lisbon,6666 London' "$(sort -u "$SCRATCH/short-$n" | paste -s -d ,)"
    same "session $n met no error" '' "$(cat "$SCRATCH/short-$n.err")"
done
note "$changes replacements, $(cat "$SCRATCH/short-1" "$SCRATCH/short-2" | wc -l) parallel statements, $(turns 1) and $(turns 2) turns seen"
no_crash
