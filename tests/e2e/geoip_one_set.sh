#!/usr/bin/env bash
# One statement sees one set of databases, whenever its parallel workers start.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

two_databases "$WORK/sample/geoip/Sample-City.mmdb" "$SCRATCH/a" "$SCRATCH/b"
chmod 0755 "$SCRATCH"

# Without the leader's help every row comes out of a worker.
start e2e-one-set "impossible_travel.geoip_path = '$SERVERS/e2e-one-set/files/current/geoip'" \
    'parallel_setup_cost = 0' 'parallel_tuple_cost = 0' 'min_parallel_table_scan_size = 0' \
    'max_parallel_workers_per_gather = 2' 'parallel_leader_participation = off'
mkdir "$SERVER_DIR/files/first"
ln -s first "$SERVER_DIR/files/current"
folder="$SERVER_DIR/files/current/geoip"
file="$folder/City.mmdb"
mkdir "$folder"
replace_by_rename "$SCRATCH/a" "$file"
run_psql --quiet <<'SQL'
    CREATE EXTENSION impossible_travel;
    -- Addresses that are all in London (or all in Lisbon), in several megabytes.
    CREATE TABLE visit AS SELECT n, '192.0.2.0'::inet + n % 16 AS ip, repeat('x', 200) AS filler FROM generate_series(1, 20000) AS n;
    -- The same as events of a few keys, with every second one in New York, so that every leg has an end in London.
    CREATE TABLE event AS
        SELECT 'key ' || n % 4 AS access_key_id, timestamptz '2026-01-01' + n * interval '1 minute' AS event_time,
               CASE WHEN n / 4 % 2 = 0 THEN inet '192.0.2.1' ELSE inet '198.51.100.1' END AS source_ip, repeat('x', 200) AS filler
        FROM generate_series(1, 20000) AS n;
    ANALYZE;
SQL
city="SELECT (travel.locate('192.0.2.1')).city"
same 'before all' London "$(ask "$city")"

# What each process of the statement saw. CREATE TABLE AS shows its plan and keeps its rows.
seen_by_workers() { # seen_by_workers QUERY: leaves the plan in $PLAN, the rows in the table seen
    PLAN=$(ask "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) CREATE TABLE seen AS $1")
    case $PLAN in
    *'Workers Launched: 2'*) ;;
    *) fail "no two workers were launched for: $1
$PLAN" ;;
    esac
}
seen() { ask "SELECT string_agg(DISTINCT city, ',' ORDER BY city) FROM seen; DROP TABLE seen;"; }

# The replacement comes after the statement began and before its workers start: PostgreSQL finds the value of the
# subquery, which sleeps, before it launches them.
during() { # during WHAT QUERY watched|alone: other sessions look meanwhile, or none does
    rule "$1"
    local first=$now_in then=London new="$SCRATCH/a"
    if [ "$first" = London ]; then then=Lisbon new="$SCRATCH/b"; fi
    {
        sleep 0.4
        replace_by_rename "$new" "$file"
        for _ in 1 2 3 4 5 6; do
            if [ "$3" = watched ]; then ask "$city" >/dev/null; fi
            sleep 0.2
        done
    } &
    local watcher=$!
    seen_by_workers "$2"
    wait "$watcher"
    same 'the whole statement saw the first database' "$first" "$(seen)"
    within 4 "$city" "$then"
    seen_by_workers 'SELECT (travel.locate(ip)).city FROM visit'
    same 'a statement afterwards sees the second alone' "$then" "$(seen)"
    now_in=$then
}
now_in=London
slow="SELECT length(pg_sleep(1.9)::text)"
asking="SELECT length((travel.locate('192.0.2.1')).city) * 0 + length(pg_sleep(1.9)::text)"
plain='SELECT (travel.locate(ip)).city FROM visit'
during 'workers start after the replacement; the leader had asked before it' "$plain WHERE n > ($asking)" watched
during 'workers start after the replacement; the leader had not asked; nobody else did' "$plain WHERE n > ($slow)" alone
during 'workers start after the replacement; the leader had not asked, others saw the new file' "$plain WHERE n > ($slow)" watched
legs="SELECT l.from_city AS city FROM (SELECT access_key_id, travel.impossible_legs(event_time, source_ip) AS legs FROM event
    WHERE filler > '' AND date_part('year', event_time) > ($slow) GROUP BY access_key_id) AS j, unnest(j.legs) AS l WHERE l.from_city <> 'New York'"
during 'the same for the aggregate' "$legs" watched

rule 'before any statement had asked: workers and leader find the same first set'
server_stop
server_resume e2e-one-set
replace_by_rename "$SCRATCH/a" "$file"
{
    sleep 0.4
    replace_by_rename "$SCRATCH/b" "$file"
} &
seen_by_workers "$plain WHERE n > ($slow)"
wait
same 'after a restart' Lisbon "$(seen)"

rule 'the first statement that begins a second after the replacement sees it, though nobody looked before'
for new in a b a; do
    replace_by_rename "$SCRATCH/$new" "$file"
    sleep 1.2
    then=London
    if [ $new = b ]; then then=Lisbon; fi
    same 'a first statement' $then "$(ask "SELECT string_agg(DISTINCT city, '+') FROM (SELECT (travel.locate(ip)).city FROM visit) AS s")"
done

rule 'a link in the middle of the path is turned to a folder that was made before: no mixture either'
mkdir -p "$SERVER_DIR/files/second/geoip"
cp "$SCRATCH/b" "$SERVER_DIR/files/second/geoip/City.mmdb"
sleep 1.2
for asking_first in 'length(pg_sleep(1.9)::text)' "length((travel.locate('192.0.2.1')).city) * 0 + length(pg_sleep(1.9)::text)"; do
    same 'before' London "$(ask "$city")"
    {
        sleep 0.5
        ln -s second "$SERVER_DIR/files/link"
        mv -T "$SERVER_DIR/files/link" "$SERVER_DIR/files/current"
    } &
    seen_by_workers "$plain WHERE n > (SELECT $asking_first)"
    wait
    same 'the whole statement saw the first database' London "$(seen)"
    within 4 "$city" Lisbon
    ln -s first "$SERVER_DIR/files/link"
    mv -T "$SERVER_DIR/files/link" "$SERVER_DIR/files/current"
    within 4 "$city" London
done

rule 'a query of a function and its caller share the set; so does one that runs longer than the check of files'
replace_by_rename "$SCRATCH/a" "$file"
within 4 "$city" London
{
    sleep 1
    replace_by_rename "$SCRATCH/b" "$file"
} &
same 'every second of a statement' 'London' "$(ask "DO \$\$ DECLARE seen text[]; BEGIN
    FOR n IN 1..10 LOOP
        seen := seen || (SELECT string_agg(DISTINCT (travel.locate(ip)).city, '+') FROM visit WHERE visit.n < 2000);
        PERFORM pg_sleep(0.2);
    END LOOP;
    CREATE TABLE seen AS SELECT unnest(seen) AS city; END \$\$; SELECT string_agg(DISTINCT city, ',') FROM seen" | tail -n 1)"
ask 'DROP TABLE seen'
wait

rule 'never two cities within one of many short parallel statements, while the files change all the time'
running="$SCRATCH/running"
mkdir "$running"
question="SELECT count(*) || ' ' || string_agg(DISTINCT city, '+') FROM (SELECT (travel.locate(ip)).city FROM visit WHERE n % 3 = 0) AS s;"
for n in 1 2; do
    while [ -d "$running" ]; do
        printf '%s\n' "$question" "$question" "$question" "$question"
    done | PGAPPNAME=asker run_psql --quiet --no-align --tuples-only >"$SCRATCH/short-$n" 2>"$SCRATCH/short-$n.err" &
done
turns() { uniq "$SCRATCH/short-1" | wc -l; }
# A slow machine sees fewer of the replacements in the same time: this goes on until enough of them were seen.
began=$SECONDS
changes=0
while [ "$(turns)" -lt 6 ]; do
    between 0 120 $((SECONDS - began)) || fail "a session saw $(turns) turns in $((SECONDS - began)) s of $changes replacements"
    replace_by_rename "$SCRATCH/b" "$file"
    sleep 0.7
    cp "$SCRATCH/a" "$file"
    sleep 0.65
    changes=$((changes + 2))
done
rmdir "$running"
wait
for n in 1 2; do
    same "session $n" '6666 Lisbon,6666 London' "$(sort -u "$SCRATCH/short-$n" | paste -s -d ,)"
    same "session $n met no error" '' "$(cat "$SCRATCH/short-$n.err")"
done
note "$changes replacements, $(cat "$SCRATCH/short-1" "$SCRATCH/short-2" | wc -l) parallel statements, $(turns) turns seen by one session"
seen_by_workers "$plain"
ask 'DROP TABLE seen'
no_crash
