#!/usr/bin/env bash
# Files of IPinfo that are not about locations: a carrier file and a residential-proxy file supply network attributes, and
# files about contacts, registrations and names supply nothing.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

FOLDER="$SERVERS/e2e-geoip-ipinfo/files/geoip"
start e2e-geoip-ipinfo "impossible_travel.geoip_path = '$FOLDER'" 'impossible_travel.coverage_notice = off'
"$(target_dir)/release/travel-sample" ipinfo "$SCRATCH/ipinfo"
server_copy geoip "$WORK/sample/geoip/Sample-City.mmdb" "$SCRATCH"/ipinfo/*.mmdb >/dev/null
ask 'CREATE EXTENSION impossible_travel' >/dev/null
# One credential in London, in Tokyo, and in London again, 30 minutes apart.
ask "CREATE TABLE calls AS
    SELECT 'AKIAEXAMPLE' AS access_key_id, timestamptz '2026-03-02 09:00Z' + n * interval '30 minutes' AS event_time, ip AS source_ip
    FROM unnest('{192.0.2.9,203.0.113.5,192.0.2.9}'::inet[]) WITH ORDINALITY AS v (ip, n)" >/dev/null
attributes() { ask "SELECT city, anonymizer, carrier FROM travel.locate('$1')"; }

rule 'an address in the carrier file is mobile, one in the residential-proxy file is a proxy; neighbors are not'
same 'Tokyo' 'Tokyo||mobile' "$(attributes 203.0.113.5)"
same 'Yokohama' 'Yokohama||' "$(attributes 203.0.113.40)"
same 'the proxy in London' 'London|proxy|' "$(attributes 192.0.2.9)"
same 'its neighbor' 'London||' "$(attributes 192.0.2.10)"

rule 'findings have these network attributes'
same 'from_anonymizer, from_carrier, to_anonymizer, to_carrier' 'proxy|||mobile
|mobile|proxy|' "$(ask "SELECT from_anonymizer, from_carrier, to_anonymizer, to_carrier
    FROM travel.detect('calls') ORDER BY to_time")"

rule 'a file about contacts, registrations or names does not say in which country an address is'
same 'an address in no other file' f "$(ask "SELECT travel.locate('198.51.100.230') IS NOT NULL")"

rule 'travel.geoip_databases says in which files nothing was recognized'
same 'the files' 'IPinfo-Abuse.mmdb|{}|in_use|nothing in it was recognized: its records have the keys "address", "country", "email", "name" and "phone"
IPinfo-Carrier.mmdb|{carrier}|in_use|
IPinfo-Domains.mmdb|{}|in_use|nothing in it was recognized: its records have the keys "domains" and "total"
IPinfo-Residential-Proxy.mmdb|{anonymizer}|in_use|
IPinfo-Whois.mmdb|{}|in_use|nothing in it was recognized: its records have the keys "admin", "country", "domain", "id", "maintainer", "name", "status" and "tech"
IPinfo-rDNS.mmdb|{}|in_use|nothing in it was recognized: its records have the key "host"' \
    "$(ask "SELECT regexp_replace(path, '.*/', ''), provides, status, detail FROM travel.geoip_databases()
        WHERE path LIKE '%IPinfo%' ORDER BY path COLLATE \"C\"")"
no_crash
