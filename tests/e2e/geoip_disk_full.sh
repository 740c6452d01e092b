#!/usr/bin/env bash
# The disk that holds the copies of GeoIP files is full. This needs root, to mount a small file system.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

is_root || skip 'only root can mount a small file system'

"$(target_dir)/release/travel-sample" bench-geoip "$SCRATCH" --networks 8000
two_databases "$SCRATCH/Bench-City.mmdb" "$SCRATCH/a" "$SCRATCH/b"
chmod 0755 "$SCRATCH"

start e2e-disk-full "impossible_travel.geoip_path = '$SERVERS/e2e-disk-full/files/geoip'" \
    'parallel_setup_cost = 0' 'parallel_tuple_cost = 0' 'min_parallel_table_scan_size = 0' 'parallel_leader_participation = off'
disk="$SERVER_DIR/data/base/pgsql_tmp"
file="$SERVER_DIR/files/geoip/City.mmdb"
mkdir "$SERVER_DIR/files/geoip"
replace_by_rename "$SCRATCH/a" "$file"
as_server mkdir -p "$disk"
mount -t tmpfs -o "size=256k,mode=0700,uid=$(id -u postgres),gid=$(id -g postgres)" tmpfs "$disk" 2>/dev/null ||
    skip 'no file system can be mounted here'
MOUNTED+=("$disk")

ask 'CREATE EXTENSION impossible_travel'
# This statement is the first that looks at the file, so it is the one that warns.
SAID=$(ask_all "CREATE TABLE visit AS SELECT ip, repeat('x', 200) AS filler
    FROM (SELECT '11.0.0.0'::inet + g * 70001::bigint AS ip
    FROM generate_series(0, 40000) AS g) AS a, generate_series(1, 40)
        WHERE (travel.locate(ip)).city = 'London'; ANALYZE visit")

# The leader takes no part in these, so workers locate all addresses. OFFSET keeps the subquery below the Gather.
cities="(SELECT string_agg(DISTINCT city, '+') FROM (SELECT (travel.locate(ip)).city FROM visit OFFSET 0) AS s)"
in_workers 'travel.locate(' "SELECT $cities"

rule 'without room for a copy there is a warning, and queries work from memory, in parallel too'
case $SAID in
*WARNING*'no copy of GeoIP database'*'could be written: No space left on device'*) ;;
*) fail "the warning was wanted, got: $SAID" ;;
esac
same 'addresses in London' t "$(ask 'SELECT count(*) > 3 FROM visit')"
address=$(ask 'SELECT ip FROM visit LIMIT 1')
city="SELECT (travel.locate('$address')).city"
same 'another session' London "$(ask_all "$city")"
same 'one warning in the whole server' 1 "$(log_lines 'WARNING')"
case $(ask 'SELECT status, detail FROM travel.geoip_databases()') in
'in_use|read into memory, as no copy could be written'*) ;;
*) fail "geoip_databases() says $(ask 'SELECT status, detail FROM travel.geoip_databases()')" ;;
esac
same 'workers' London "$(ask "SELECT $cities")"

# A session that locates addresses again and again, so it has each file in its memory when it is replaced.
# shellcheck disable=SC2119
session_open
session 'SET client_min_messages = error'
everywhere() { # everywhere CITY: until a leader that has the previous file, and leaders and workers that start now, see it
    waits_until "SELECT $cities" "$1"
    note "new workers: after $TOOK s"
    waits_until "SELECT concat(($city), ' ', $cities, ' ', ($city))" "$1 $1 $1"
    eventually "the old session and its workers see $1" old_session_sees "$1"
}
old_session_sees() {
    session "SELECT concat(($city), ' ', $cities, ' ', ($city))"
    # A statement that runs while a file changes may fail, but it never mixes two files.
    case $ANSWER in
    *London*Lisbon* | *Lisbon*London*) fail "a statement saw two files: $ANSWER" ;;
    esac
    [ "$ANSWER" = "$1 $1 $1 " ]
}
everywhere London

rule 'a new file is picked up nevertheless, by leaders and by workers'
replace_by_rename "$SCRATCH/b" "$file"
everywhere Lisbon

rule 'without room for a manifest there is a warning, and leaders and workers use the new file'
as_server dd if=/dev/zero of="$disk/filler" bs=4k 2>/dev/null || true
for next in London Lisbon London; do
    if [ "$next" = London ]; then replace_by_rename "$SCRATCH/a" "$file"; else replace_by_rename "$SCRATCH/b" "$file"; fi
    everywhere "$next"
done
# A session warns once, not each time that it looks. These are three looks.
SAID=$(ask_all "$city; SELECT pg_sleep(1.2); $city; SELECT pg_sleep(1.2); $city")
same 'a session warns at most twice: of the file, and of the folder' t \
    "$([ "$(grep -c 'WARNING' <<<"$SAID")" -le 2 ] && printf t || printf '%s' "$SAID")"
same 'cities in that session' 3 "$(grep -c '^London$' <<<"$SAID")"

rule 'a statement fails if the file is replaced while it runs, and succeeds when it is run again'
rm -f "$SCRATCH/gate"
run_psql --quiet --set "gate=$SCRATCH/gate" <<'SQL'
    SELECT format($$
        CREATE FUNCTION gate() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $f$
        BEGIN
            WHILE (pg_stat_file(%L, true)).size IS NULL LOOP PERFORM pg_sleep(0.02); END LOOP;
            RETURN '';
        END $f$ $$, :'gate') \gexec
SQL
# PostgreSQL finds the value of the subquery before it launches the workers.
waiting="SELECT string_agg(DISTINCT city, '+')
    FROM (SELECT (travel.locate(ip)).city FROM visit WHERE filler > (SELECT gate()) OFFSET 0) AS s"
in_workers 'travel.locate(' "$waiting"
ask_all "$waiting" >"$SCRATCH/waiting" &
statement=$!
at_gate() { [ "$(ask "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ]; }
eventually 'the statement is at the gate' at_gate
replace_by_rename "$SCRATCH/b" "$file"
: >"$SCRATCH/gate"
wait "$statement"
case $(cat "$SCRATCH/waiting") in
*'ERROR:  55000: a GeoIP database changed while the statement ran'*'HINT:  Run the statement again.'*) ;;
*) fail "the error was wanted, got: $(cat "$SCRATCH/waiting")" ;;
esac
same 'again' Lisbon "$(ask "$waiting")"
replace_by_rename "$SCRATCH/a" "$file"
everywhere London

rule 'leaders and workers agree when a copy is removed by hand and there is no room for another'
as_server rm "$disk/filler"
mount -o remount,size=64m "$disk"
replace_by_rename "$SCRATCH/b" "$file"
everywhere Lisbon
same 'there is a copy' t "$(ask 'SELECT detail IS NULL FROM travel.geoip_databases()')"
fill() { as_server dd if=/dev/zero of="$disk/filler" bs=1M oflag=append conv=notrunc 2>/dev/null || true; }
fill
replace_by_rename "$SCRATCH/a" "$file"
sleep 1.1
everywhere Lisbon
find "$disk" -name '*.mmdb' -delete
fill
everywhere London

rule 'once there is room again, a changed file is copied and used'
as_server rm "$disk/filler"
everywhere London
replace_by_rename "$SCRATCH/b" "$file"
everywhere Lisbon
session_close
same 'no longer in memory' 'in_use|' "$(ask 'SELECT status, detail FROM travel.geoip_databases()')"
same 'copies' t "$([ "$(find "$disk" -name '*.mmdb' | wc -l)" -ge 1 ] && printf t)"
same 'no unfinished copy is left' 0 "$(find "$disk" -name 'temporary-*' | wc -l)"
no_crash
