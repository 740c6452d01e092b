#!/usr/bin/env bash
# A server without a GeoIP database, and how it picks one up.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

nowhere="$SERVERS/e2e-none/files/nowhere"
later="$SERVERS/e2e-none/files/later"
start e2e-none
set_path() {
    run_psql --quiet --command "LOAD 'impossible_travel'" --command "ALTER SYSTEM
        SET impossible_travel.geoip_path = '$1'" \
        --command 'SELECT pg_reload_conf()' >/dev/null
}

rule 'ALTER SYSTEM sets geoip_path after LOAD, and from PostgreSQL 17 on also before'
if [ "$(pg_major)" -ge 17 ]; then
    ask "ALTER SYSTEM SET impossible_travel.geoip_path = '$nowhere'"
    ask 'SELECT pg_reload_conf()' >/dev/null
    waits_until 'SHOW impossible_travel.geoip_path' "$nowhere"
else
    refused 42704 "ALTER SYSTEM SET impossible_travel.geoip_path = '$nowhere'"
fi
set_path "$nowhere, $later"
waits_until 'SHOW impossible_travel.geoip_path' "$nowhere, $later"
run_psql --quiet <<'SQL'
    CREATE EXTENSION impossible_travel;
    CREATE TABLE event (access_key_id text, event_time timestamptz, source_ip inet);
    INSERT INTO event
    VALUES ('public', '2026-01-01 00:00Z', '192.0.2.1'), ('public', '2026-01-01 00:10Z', '203.0.113.1');
    CREATE TABLE private AS
        SELECT 'private' AS access_key_id, event_time,
            inet '10.0.0.0' + (extract(minute FROM event_time))::int AS source_ip
        FROM event;
SQL

rule 'locating a public address is error 55000: the error names the setting and the folders, the hint says what to do'
for statement in "SELECT travel.locate('192.0.2.1')" "SELECT travel.locate('::ffff:192.0.2.1')" \
    "SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time) FROM event" \
    "SELECT travel.impossible_legs(event_time, source_ip) FROM event" \
    "SELECT travel.impossible_legs(event_time, travel.source_ip(host(source_ip))) FROM event" \
    "SELECT * FROM travel.detect('event')" "SELECT * FROM travel.detect('private')" \
    "SELECT * FROM travel.detect('event', all_legs => true)"; do
    refused 55000 "$statement"
    hint=$(grep '^HINT:' <<<"$SAID")
    for wanted in impossible_travel.geoip_path "$nowhere" "$later"; do
        case $hint in
        *"$wanted"*) ;;
        *) fail "the hint does not name $wanted: $SAID" ;;
        esac
    done
done

rule 'private addresses, coordinates, travel.detect_sql and documents need no database'
same 'private addresses' '|||||' "$(ask "SELECT travel.locate('10.0.0.1'), travel.locate('127.0.0.1'),
    travel.locate('fe80::1'),
    travel.locate('::ffff:192.168.1.1'), travel.locate('100.64.0.1'), travel.locate('0.0.0.0')")"
same 'a NULL address' '' "$(ask 'SELECT travel.locate(NULL)')"
same 'the window function over private addresses' 0 \
    "$(ask "SELECT count(l) FROM (SELECT travel.leg(event_time, source_ip)
    OVER (PARTITION BY access_key_id ORDER BY event_time, source_ip) AS l FROM private) AS s")"
same 'the aggregate over private addresses' '{}' \
    "$(ask 'SELECT travel.impossible_legs(event_time, source_ip) FROM private')"
same 'coordinates' 1 "$(ask "SELECT cardinality(travel.impossible_legs(t, lat, 0)) FROM (VALUES
    (timestamptz '2026-01-01 00:00Z', 0::float8), ('2026-01-01 00:10Z', 50)) AS v (t, lat)")"
same 'travel.geoip_databases()' 0 "$(ask 'SELECT count(*) FROM travel.geoip_databases()')"
ask "SELECT travel.detect_sql('event')" >/dev/null 2>&1
same 'travel.create_events_table and travel.ingest' 1 "$(ask "SELECT travel.create_events_table('cloudtrail');
    SELECT inserted
        FROM travel.ingest('cloudtrail', '{\"eventID\": \"a\", \"eventTime\": \"2026-01-01T00:00:00Z\",
        \"sourceIPAddress\": \"192.0.2.1\"}')" | tail -n 1)"

rule 'addresses that a named network locates or ignores need no database; any other is still error 55000'
refused 55000 'SELECT travel.locate(source_ip) FROM event'
ask "INSERT INTO travel.networks (network, name, latitude, longitude, city, country_code) VALUES
    ('192.0.2.0/24', 'office', 51.5, -0.1, 'London', 'GB'), ('10.0.0.0/8', 'vpc', 35.7, 139.7, 'Tokyo', 'JP')"
same 'travel.locate' 'London|Tokyo' "$(ask "SELECT (travel.locate('192.0.2.1')).city,
    (travel.locate('10.0.0.1')).city")"
refused 55000 "SELECT * FROM travel.detect('event')"
refused 55000 'SELECT travel.impossible_legs(event_time, source_ip) FROM event'
refused 55000 'SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time) FROM event'
ask "INSERT INTO travel.networks (network, name, treatment) VALUES ('203.0.113.0/24', 'scanner', 'ignore')"
refused 55000 "SELECT travel.locate('203.0.113.1')"
ask "INSERT INTO event VALUES ('public', '2026-01-01 00:20Z', '10.0.0.1')"
same 'travel.detect' 'London|Tokyo' "$(ask "SELECT from_city, to_city FROM travel.detect('event')" 2>/dev/null)"
same 'the aggregate and the window function' '1|1' "$(ask "SELECT
    (SELECT cardinality(travel.impossible_legs(event_time, source_ip)) FROM event),
    (SELECT count((l).to_time) FROM (SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time) AS l
        FROM event) AS s)")"
same 'travel.coverage' 'evaluated|ignored' \
    "$(ask "SELECT string_agg(DISTINCT status, '|') FROM travel.coverage('event')")"
ask "DELETE FROM event WHERE source_ip = '10.0.0.1'; TRUNCATE travel.networks"

rule 'an open session picks up a file that appears later, even in a new folder'
session_open
session "SELECT (travel.locate('192.0.2.1')).city"
case $ANSWER in *'no GeoIP database found'*) ;; *) fail "the session said: $ANSWER" ;; esac
mkdir "$later"
sleep 1
session "SELECT (travel.locate('192.0.2.1')).city"
case $ANSWER in *'no GeoIP database found'*) ;; *) fail "an empty folder is no database, but: $ANSWER" ;; esac
cp "$WORK/sample/geoip/Sample-City.mmdb" "$later/"
session_says() {
    session "SELECT (travel.locate('192.0.2.1')).city"
    [ "$ANSWER" = "$1 " ]
}
began=$(now)
eventually 'the open session sees the file' session_says London
note "an open session saw the first file after $(since "$began") s"
same 'a second file adds what the first does not know: Toronto' '' \
    "$(ask "SELECT (travel.locate('198.51.100.200')).city")"
cp "$WORK/sample/geoip/Sample-Flat.mmdb" "$later/"
waits_until "SELECT (travel.locate('198.51.100.200')).city" Toronto
same 'the session finds the leg' 'public|London|Tokyo' \
    "$(ask "SELECT access_key_id, from_city, to_city FROM travel.detect('event')" 2>/dev/null)"

rule 'ALTER SYSTEM and pg_reload_conf() change geoip_path, in open sessions too'
other="$SERVERS/e2e-none/files/other"
mkdir "$other"
LC_ALL=C sed 's/London/Lisbon/g' "$WORK/sample/geoip/Sample-City.mmdb" >"$other/One.mmdb"
set_path "$other"
waits_until "SELECT (travel.locate('192.0.2.1')).city" Lisbon
eventually 'the open session sees the other path' session_says Lisbon
set_path "$later/Sample-City.mmdb"
waits_until "SELECT (travel.locate('192.0.2.1')).city" London
refused 55P02 "SELECT travel.locate('10.0.0.1'); SET impossible_travel.geoip_path = '/etc'"
refused 55P02 "LOAD 'impossible_travel'; ALTER DATABASE postgres SET impossible_travel.geoip_path = '/etc'"

rule 'a file that the setting names and that does not exist is reported as missing'
set_path "$later/Sample-City.mmdb, $later/None.mmdb"
waits_until "SELECT string_agg(status, ',') FROM travel.geoip_databases()" in_use,missing
same 'the other is used' London "$(ask "SELECT (travel.locate('192.0.2.1')).city")"

rule 'a restart removes the copies and changes no answer'
session_close
server_resume e2e-none
same 'after a restart' 'London|in_use,missing' \
    "$(ask "SELECT (travel.locate('192.0.2.1')).city, string_agg(status, ',') FROM travel.geoip_databases()")"
ask 'ALTER SYSTEM RESET impossible_travel.geoip_path'
ask 'SELECT pg_reload_conf()' >/dev/null
waits_until "SELECT travel.locate('10.0.0.1'); SHOW impossible_travel.geoip_path" $'\n/usr/share/GeoIP,/var/lib/GeoIP'
no_crash
