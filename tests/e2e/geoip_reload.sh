#!/usr/bin/env bash
# A GeoIP file is replaced in every way, good and bad, while sessions keep locating addresses.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# Large enough that a copy takes a moment and readers meet half a file.
"$(target_dir)/release/travel-sample" bench-geoip "$SCRATCH" --networks 60000
two_databases "$SCRATCH/Bench-City.mmdb" "$SCRATCH/a" "$SCRATCH/b"
chmod 0755 "$SCRATCH"

start e2e-reload "impossible_travel.geoip_path = '$SERVERS/e2e-reload/files/geoip'" 'log_min_messages = warning'
mkdir "$SERVER_DIR/files/geoip"
file="$SERVER_DIR/files/geoip/City.mmdb"
replace_by_rename "$SCRATCH/a" "$file"
if is_root; then chown postgres "$SERVER_DIR/files/geoip"; fi
ask 'CREATE EXTENSION impossible_travel'
address=$(ask "SELECT ip FROM (SELECT '11.0.0.0'::inet + g * 70001::bigint AS ip
    FROM generate_series(0, 40000) AS g) AS a
    WHERE (travel.locate(ip)).city = 'London' LIMIT 1")
[ -n "$address" ] || fail 'no address in London'
city="SELECT (travel.locate('$address')).city"
state="SELECT status, coalesce(detail, '') FROM travel.geoip_databases()"

# Sessions that ask without a pause while the folder exists, and others that come and go.
running="$SCRATCH/running"
mkdir "$running"
block=$(for n in {1..50}; do printf "%s;\n" "$city"; done)
statements() { while [ -d "$running" ]; do printf "%s\n" "$block"; done; }
for n in 1 2 3; do
    statements | PGAPPNAME=asker run_psql --quiet --no-align --tuples-only --set ON_ERROR_STOP=0 \
        >"$SCRATCH/session-$n.out" 2>"$SCRATCH/session-$n.err" &
done
while [ -d "$running" ]; do
    run_psql --quiet --no-align --tuples-only --set ON_ERROR_STOP=0 --command "$city" >>"$SCRATCH/session-4.out" \
        2>>"$SCRATCH/session-4.err" || true
    sleep 0.05
done &
waits_until "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'asker'" 3
pids=$(ask "SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE application_name = 'asker'")

warnings() { log_lines 'WARNING:  GeoIP database .* is refused'; }
warned_more_than() { [ "$(warnings)" -gt "$1" ]; }
# A file is left alone for a second after it was last written, and a file whose times are older than its content, as
# while it is being truncated, is read again after 50 ms. If a writer is delayed for longer between two writes, or within
# a truncation, which sets the size before the time, a session can see an unfinished version of the file. This is the
# number of such versions, each of which may cause a warning.
slow_writes=0
write() { # write COMMAND…: writes to the file in place
    local began
    began=$(now)
    "$@"
    slow_writes=$(awk -v took="$(since "$began")" 'BEGIN { print took < 0.05 ? 0 : 1 + int(took) }')
    [ "$slow_writes" = 0 ] || note "the next file took its time: $slow_writes warnings would be right"
}
good() { # good WHAT CITY: a good file came in this way, and is seen at last
    local took
    waits_until "$city" "$2"
    took=$TOOK
    waits_until "SELECT status FROM travel.geoip_databases()" in_use
    holds "$1: no warning" between 0 "$slow_writes" $(($(warnings) - refusals))
    refusals=$(warnings)
    slow_writes=0
    note "$1: seen after $took s"
}
bad() { # bad WHAT CITY: a bad file came in this way; the last good copy stays in use, and one warning tells of it
    waits_until 'SELECT status FROM travel.geoip_databases()' refused
    # The file may have been refused before for another reason, so the warning tells when this version was seen. That
    # takes a moment, because a file is left alone for a second after it was written.
    eventually "$1: a warning" warned_more_than "$refusals"
    # Long enough for every session to look again.
    sleep 1.5
    same "$1: the last good copy stays in use" "$2" "$(ask "$city")"
    same "$1: new sessions and geoip_databases() give no second warning" '' \
        "$(ask_all "$city; $state" | grep WARNING || true)"
    holds "$1: exactly one warning" between 1 $((1 + slow_writes)) $(($(warnings) - refusals))
    refusals=$(warnings)
    slow_writes=0
    case $(ask "$state") in
    *'the last good copy of the file stays in use'*) ;;
    *) fail "$1: geoip_databases() does not say that the last good copy stays in use: $(ask "$state")" ;;
    esac
    note "$1: $(ask 'SELECT detail FROM travel.geoip_databases()')"
}
refusals=0

rule 'a good file is used without a restart, whether it is renamed or copied over the old one'
good 'the first file' London
replace_by_rename "$SCRATCH/b" "$file"
good 'a rename' Lisbon
write cp "$SCRATCH/a" "$file"
good 'cp over the file' London
touch "$file"
sleep 1.2
good 'touch alone' London

rule 'a bad file is refused with one warning in the whole server, and the last good copy stays in use'
write truncate --size 0 "$file"
bad 'truncation to nothing' London
replace_by_rename "$SCRATCH/b" "$file"
good 'a rename over a bad file' Lisbon
write truncate --size "$(($(stat -c %s "$SCRATCH/b") / 2))" "$file"
bad 'truncation to half' Lisbon
write cp "$SCRATCH/a" "$file"
good 'cp over a bad file' London
head -c 3000000 /dev/urandom >"$SCRATCH/garbage"
write cp "$SCRATCH/garbage" "$file"
bad 'garbage' London
# The end of the file, which identifies it, is good; its tree is not.
{
    head -c 200000 /dev/urandom
    tail -c +200001 "$SCRATCH/b"
} >"$SCRATCH/broken"
replace_by_rename "$SCRATCH/broken" "$file"
bad 'a good end and a broken tree, by rename' London
replace_by_rename "$SCRATCH/b" "$file"
good 'a good file again' Lisbon
if [ "$(server_user)" != root ]; then
    sleep 1.1
    as_server chmod 000 "$file"
    bad 'a file that may not be read' Lisbon
    as_server chmod 644 "$file"
    good 'a file that may be read again' Lisbon
fi

rule 'without its only file there is error 55000, and a new file is picked up'
rm "$file"
ask "CREATE FUNCTION city_or_not() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN
    RETURN (travel.locate('$address')).city; EXCEPTION WHEN SQLSTATE '55000' THEN RETURN 'gone'; END \$\$"
waits_until 'SELECT city_or_not()' gone
write cp "$SCRATCH/a" "$file"
good 'a file after deletion' London

rule 'thousands of good and bad replacements, as fast as possible, end no session'
began=$SECONDS
rounds=0
while [ $((SECONDS - began)) -lt 8 ] && [ $rounds -lt 1000 ]; do
    case $((rounds % 6)) in
    0) cat "$SCRATCH/b" >"$file" ;;
    1) : >"$file" ;;
    2) replace_by_rename "$SCRATCH/a" "$file" ;;
    3) head -c 300000 /dev/urandom >"$file" ;;
    4) rm "$file" ;;
    5) head -c 3000000 "$SCRATCH/b" >"$file" && truncate --size 1000000 "$file" ;;
    esac
    rounds=$((rounds + 1))
done
small=0
printf 'x' >"$SCRATCH/x"
# Shell builtins alone are much faster.
while [ $((SECONDS - began)) -lt 11 ] && [ $small -lt 20000 ]; do
    printf 'no database %s' $small >"$file"
    : >"$file"
    small=$((small + 2))
done
note "$rounds large replacements, $small small ones"
replace_by_rename "$SCRATCH/b" "$file"
slow_writes=$((3 * (SECONDS - began) + 5)) before=$refusals
good 'a good file after the storm' Lisbon
note "$((refusals - before)) warnings in $((SECONDS - began)) s; a few in a second at most"

rule 'the first sessions are alive, and saw only one city or the other'
same 'sessions alive' 3 "$(ask "SELECT count(*) FROM pg_stat_activity WHERE pid IN ($pids)")"
answered() { [ "$(cat "$SCRATCH"/session-*.out | wc -l)" -ge 5000 ]; }
eventually 'thousands of statements are answered' answered
rmdir "$running"
wait
no_crash
for n in 1 2 3 4; do
    others=$(grep -v -x -E 'London|Lisbon' "$SCRATCH/session-$n.out" | head -n 3 || true)
    same "session $n saw only cities" '' "$others"
    others=$(grep -v -E '^$|no GeoIP database found|WARNING:  GeoIP database .* is refused|^(DETAIL|HINT|LINE)' "$SCRATCH/session-$n.err" |
        head -n 3 || true)
    same "session $n met nothing but the expected errors" '' "$others"
done
note "$(cat "$SCRATCH"/session-*.out | wc -l) statements answered"

rule 'the store does not keep a copy of every file that there ever was'
note "$(as_server find "$SERVER_DIR/data/base/pgsql_tmp/pgsql_tmp_impossible_travel" -name '*.mmdb' | wc -l) copies, \
$(as_server du -sk "$SERVER_DIR/data/base/pgsql_tmp" | cut -f 1) kB"
same 'copies in the store: the two good contents' 2 \
    "$(as_server find "$SERVER_DIR/data/base/pgsql_tmp/pgsql_tmp_impossible_travel" -name '*.mmdb' | wc -l)"
same 'no unfinished copy is left' 0 "$(as_server find "$SERVER_DIR/data/base/pgsql_tmp/pgsql_tmp_impossible_travel" -name 'temporary-*' | wc -l)"
