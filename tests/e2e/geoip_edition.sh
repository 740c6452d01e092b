#!/usr/bin/env bash
# A GeoIP file is replaced between two scans: no leg starts in the old data and ends in the new.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-geoip-edition
city="$SERVERS/e2e-geoip-edition/files/geoip/Sample-City.mmdb"
scan_database
new_rule r 'baseline, baseline_entity' "true, 'access_key_id'"

# Writes the same file with other coordinates and another name of the same length for London.
double() { printf '%s' "$(ask "SELECT regexp_replace(encode(float8send($1), 'hex'), '(..)', '\\x\\1', 'g')")"; }
moved() { # moved FILE
    perl -0777 -pe "s/$(double "$latitude")/$(double 40.71)/g; s/$(double "$longitude")/$(double '-74.01')/g; s/London/Boston/g" "$city" >"$1"
}
is_in() { waits_until "SELECT (travel.locate('192.0.2.5')).city" "$1"; sleep 1.1; }

latitude=$(ask "SELECT latitude FROM travel.locate('192.0.2.5')")
longitude=$(ask "SELECT longitude FROM travel.locate('192.0.2.5')")
LC_ALL=C moved "$SCRATCH/moved.mmdb"
cp "$city" "$SCRATCH/original.mmdb"
ask "SELECT public.call('key', '2026-03-02 09:00Z', '192.0.2.5'), public.call('key', '2026-03-04 10:00Z',
    '192.0.2.5')" >/dev/null
ask 'CALL travel.scan()'

rule 'two addresses of one site that a new file moves together make no leg, and their new location is known'
replace_by_rename "$SCRATCH/moved.mmdb" "$city"
is_in Boston
same 'how far the site has moved' t "$(ask "SELECT travel.distance_km(latitude, longitude, $latitude,
    $longitude) > 5000 FROM travel.locate('192.0.2.5')")"
ask "SELECT public.call('key', '2026-03-04 10:20Z', '192.0.2.6')" >/dev/null
ask 'CALL travel.scan()'
same 'no error' '' "$(ask 'SELECT last_error FROM travel.status')"
same 'no verdict' 0 "$(ask 'SELECT count(*) FROM travel.verdicts')"
same 'learned locations' 'Boston known' "$(ask "SELECT city || ' ' || state FROM travel.known_places")"
same 'the counts of travel.detect' 0 "$(ask "SELECT count(*) FROM travel.detect('public.cloudtrail')")"

rule 'an impossible leg by the new file is raised'
ask "SELECT public.call('key', '2026-03-04 10:30Z', '203.0.113.1')" >/dev/null
ask 'CALL travel.scan()'
same 'the alert' 'Boston Tokyo' "$(ask "SELECT from_city || ' ' || to_city FROM travel.alerts")"

rule 'after a restart of the server the same file is the same edition: no row is read again'
before=$(ask "SELECT string_agg(xmin || ' ' || edition, ',' ORDER BY evaluated_until)
    FROM travel_internal.entity_checkpoints")
server_resume e2e-geoip-edition
ask 'CALL travel.scan()'
same 'the states' "$before" "$(ask "SELECT string_agg(xmin || ' ' || edition, ',' ORDER BY evaluated_until)
    FROM travel_internal.entity_checkpoints")"

rule 'when the old file returns, it is the old edition again'
replace_by_rename "$SCRATCH/original.mmdb" "$city"
is_in London
ask "SELECT public.call('key', '2026-03-04 10:40Z', '203.0.113.1')" >/dev/null
ask 'CALL travel.scan()'
same 'raised verdicts stand' 'Boston Tokyo' \
    "$(ask "SELECT from_city || ' ' || to_city FROM travel.alerts WHERE withdrawn_at IS NULL")"
same 'learned locations' 'London known,Tokyo contested' \
    "$(ask "SELECT string_agg(city || ' ' || state, ',' ORDER BY city) FROM travel.known_places")"

no_crash
