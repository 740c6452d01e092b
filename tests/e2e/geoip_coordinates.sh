#!/usr/bin/env bash
# Databases that provide no coordinates, and databases with coordinates that disappear while a rule depends on them.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-geoip-coordinates
geoip="$SERVERS/e2e-geoip-coordinates/files/geoip" aside="$SCRATCH/aside"
mkdir "$aside"
scan_database
run_psql --quiet --output /dev/null <<'SQL'
    CREATE FUNCTION public.located(address inet) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        PERFORM * FROM travel.coverage('public.cloudtrail');
        RETURN coalesce((travel.locate(address)).city, 'nowhere');
        EXCEPTION WHEN SQLSTATE '55000' THEN RETURN 'none';
        END $$;
SQL
new_rule r

away() { local file; for file; do mv "$geoip/$file" "$aside/$file"; done; }
back() { local file; for file; do cp "$aside/$file" "$geoip/$file" && rm "$aside/$file"; done; }
# Waits until statements use the present files.
until_files() { # until_files FILE…
    waits_until "SELECT coalesce(string_agg(regexp_replace(path, '.*/', ''), ' '
        ORDER BY regexp_replace(path, '.*/', '') COLLATE \"C\"), '') FROM travel.geoip_databases()" "$*"
    sleep 1.1
}
scan() { SAID=$(ask_all 'CALL travel.scan()'); }
error_is() { # error_is PATTERN
    same "the error in travel.status is $1" t \
        "$(ask "SELECT coalesce(last_error, 'none') LIKE '$1' FROM travel.status WHERE rule = 'r'")"
}

ask "SELECT public.journey('first')" >/dev/null
ask 'CALL travel.scan()'
same 'the alert of the first journey' first "$(alerts_of r)"

rule 'with databases that provide no coordinates nothing is evaluated: error 55000 names the files and their contents'
away Sample-City.mmdb Sample-Flat.mmdb Sample-Anonymous-IP.mmdb
until_files Sample-ASN.mmdb
for statement in "SELECT * FROM travel.detect('public.cloudtrail')" "SELECT * FROM travel.coverage('public.cloudtrail')" \
    'SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time) FROM public.cloudtrail' \
    'SELECT travel.impossible_legs(event_time, source_ip) FROM public.cloudtrail' \
    "CALL travel.rescan('r', '-infinity')" 'SELECT travel.accept_geoip()'; do
    refused 55000 "$statement"
    case $SAID in
    *'no GeoIP database with coordinates found'*'Sample-ASN.mmdb (asn, as_organization)'*) ;;
    *) fail "the error does not say what is there: $SAID" ;;
    esac
done
same 'travel.locate still returns the AS' '|t' "$(ask "SELECT city, asn IS NOT NULL FROM travel.locate('192.0.2.1')")"

rule 'a scan without coordinates ends with an error in travel.status, and a rescan withdraws no alert'
ask "SELECT public.journey('second')" >/dev/null
scan
error_is '%with coordinates found%(55000)'
same 'the alert stays' first "$(alerts_of r)"

rule 'named networks that have coordinates need no database with coordinates'
ask "INSERT INTO travel.networks (network, name, latitude, longitude, city, country_code)
    VALUES ('10.0.0.0/8', 'VPC', 53.35, -6.26, 'Dublin', 'IE')"
same 'detect over addresses of networks and of no database' 0 \
    "$(ask "SELECT count(*) FROM travel.detect('public.cloudtrail')")"

rule 'a rule for which the missing database located addresses is not scanned'
scan
error_is '%depends on is missing (55000)'
case $SAID in
*'Sample-City.mmdb (Sample-City)'*'Sample-Flat.mmdb (sample flat location)'*) ;;
*) fail "the warning does not name the files: $SAID" ;;
esac
refused 55000 "CALL travel.rescan('r', '-infinity')"
same 'the alert stays' first "$(alerts_of r)"
ask 'DELETE FROM travel.networks'

rule 'when the databases are back, the scan goes on and finds the same alerts'
back Sample-City.mmdb Sample-Flat.mmdb Sample-Anonymous-IP.mmdb
until_files Sample-ASN.mmdb Sample-Anonymous-IP.mmdb Sample-City.mmdb Sample-Flat.mmdb
ask 'CALL travel.scan()'
error_is none
same 'both alerts' 'first second' "$(alerts_of r)"

rule 'while a named network is given by its AS, a missing AS database stops the scan too: no alert is withdrawn'
asn=$(ask "SELECT asn FROM travel.locate('192.0.2.1')")
ask "INSERT INTO travel.networks (asn, name, latitude, longitude, city, country_code)
    VALUES ($asn, 'carrier', 51.5, -0.12, 'London', 'GB')"
ask 'CALL travel.scan()'
error_is none
away Sample-ASN.mmdb
until_files Sample-Anonymous-IP.mmdb Sample-City.mmdb Sample-Flat.mmdb
scan
error_is '%depends on is missing (55000)'
case $SAID in
*'Sample-ASN.mmdb (Sample-ASN), for named networks that are given by their AS'*) ;;
*) fail "the warning does not name the file: $SAID" ;;
esac
refused 55000 "CALL travel.rescan('r', '-infinity')"
same 'both alerts stay' 'first second' "$(alerts_of r)"

rule 'without such a network, no rule depends on the AS database'
ask 'DELETE FROM travel.networks'
ask 'CALL travel.scan()'
error_is none
back Sample-ASN.mmdb
until_files Sample-ASN.mmdb Sample-Anonymous-IP.mmdb Sample-City.mmdb Sample-Flat.mmdb

rule 'while a rule ignores network attributes, a missing database of Tor addresses stops its scan too'
ask "UPDATE travel.rules SET ignored = '{hosting}' WHERE name = 'r'"
ask 'CALL travel.scan()'
error_is none
away Sample-Anonymous-IP.mmdb
until_files Sample-ASN.mmdb Sample-City.mmdb Sample-Flat.mmdb
scan
error_is '%depends on is missing (55000)'
case $SAID in
*'Sample-Anonymous-IP.mmdb (Sample-Anonymous-IP), for Tor addresses, which no rule ignores'*) ;;
*) fail "the warning does not name the file: $SAID" ;;
esac
ask "UPDATE travel.rules SET ignored = '{}' WHERE name = 'r'"
ask 'CALL travel.scan()'
error_is none
back Sample-Anonymous-IP.mmdb
until_files Sample-ASN.mmdb Sample-Anonymous-IP.mmdb Sample-City.mmdb Sample-Flat.mmdb

rule 'no alert is lost while one of several databases with coordinates is missing for a moment'
away Sample-City.mmdb
until_files Sample-ASN.mmdb Sample-Anonymous-IP.mmdb Sample-Flat.mmdb
ask "SELECT public.journey('third')" >/dev/null
scan
error_is '%depends on is missing (55000)'
refused 55000 "CALL travel.rescan('r', '-infinity')"

rule 'no alert is lost when a database is replaced by a file without coordinates'
cp "$geoip/Sample-ASN.mmdb" "$geoip/Sample-City.mmdb"
until_files Sample-ASN.mmdb Sample-Anonymous-IP.mmdb Sample-City.mmdb Sample-Flat.mmdb
scan
error_is '%depends on is missing (55000)'

rule 'a database with the same data under another name or in another folder is not missing'
rm "$geoip/Sample-City.mmdb"
mkdir "$geoip/../other"
cp "$aside/Sample-City.mmdb" "$geoip/../other/Renamed.mmdb"
chmod 755 "$geoip/../other"
ask "ALTER SYSTEM SET impossible_travel.geoip_path = '$geoip,$geoip/../other'"
ask 'SELECT pg_reload_conf()' >/dev/null
until_files Renamed.mmdb Sample-ASN.mmdb Sample-Anonymous-IP.mmdb Sample-Flat.mmdb
ask 'CALL travel.scan()'
error_is none
same 'three alerts' 'first second third' "$(alerts_of r)"

rule 'a change of the setting that removes a database stops scans until an administrator accepts it'
ask "ALTER SYSTEM SET impossible_travel.geoip_path = '$geoip'"
ask 'SELECT pg_reload_conf()' >/dev/null
until_files Sample-ASN.mmdb Sample-Anonymous-IP.mmdb Sample-Flat.mmdb
scan
error_is '%depends on is missing (55000)'
run_psql --quiet --command 'CREATE ROLE reader' --command 'CREATE ROLE administrator' \
    --command "SELECT travel.grant_to('reader', 'triage')" --command "SELECT travel.grant_to('administrator',
        'admin')" >/dev/null
refused 42501 "SET ROLE reader; SELECT travel.accept_geoip('r')"
refused 42704 "SELECT travel.accept_geoip('nobody')"
same 'what is accepted' '{Sample-Flat.mmdb}' "$(ask "SET ROLE administrator; SELECT travel.accept_geoip('r')")"
ask 'CALL travel.scan()'
error_is none
same 'raised alerts stay' 'first second third' "$(alerts_of r)"

no_crash
