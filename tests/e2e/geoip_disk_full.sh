#!/usr/bin/env bash
# The disk that holds the copies of GeoIP files is full. This needs root, to mount a small file system.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

is_root || skip 'only root can mount a small file system'

"$(target_dir)/release/travel-sample" bench-geoip "$SCRATCH" --networks 20000
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
waits_until "SELECT string_agg(DISTINCT city, '+') FROM (SELECT (travel.locate(ip)).city FROM visit) AS s" London

rule 'a new file is picked up nevertheless'
replace_by_rename "$SCRATCH/b" "$file"
waits_until "$city" Lisbon
note "seen after $TOOK s"
waits_until "SELECT string_agg(DISTINCT city, '+') FROM (SELECT (travel.locate(ip)).city FROM visit) AS s" Lisbon

rule 'without room for a manifest there is a warning, and queries work'
as_server dd if=/dev/zero of="$disk/filler" bs=4k 2>/dev/null || true
replace_by_rename "$SCRATCH/a" "$file"
waits_until "$city" London
# A session warns once, not each time that it looks. These are three looks.
SAID=$(ask_all "$city; SELECT pg_sleep(1.2); $city; SELECT pg_sleep(1.2); $city")
same 'a session warns at most twice: of the file, and of the folder' t \
    "$([ "$(grep -c 'WARNING' <<<"$SAID")" -le 2 ] && printf t || printf '%s' "$SAID")"
same 'cities in that session' 3 "$(grep -c '^London$' <<<"$SAID")"
waits_until "SELECT string_agg(DISTINCT city, '+') FROM (SELECT (travel.locate(ip)).city FROM visit) AS s" London

rule 'once there is room again, a changed file is copied and used'
as_server rm "$disk/filler"
mount -o remount,size=64m "$disk"
waits_until "$city" London
replace_by_rename "$SCRATCH/b" "$file"
waits_until "$city" Lisbon
same 'no longer in memory' 'in_use|' "$(ask 'SELECT status, detail FROM travel.geoip_databases()')"
same 'copies' t "$([ "$(find "$disk" -name '*.mmdb' | wc -l)" -ge 1 ] && printf t)"
same 'no unfinished copy is left' 0 "$(find "$disk" -name 'temporary-*' | wc -l)"
no_crash
