#!/usr/bin/env bash
# A GeoIP file is truncated, damaged, replaced or removed while a scan or travel.rescan is between two steps. The call
# that is under way ends with a result, and calls that begin meanwhile with a result or with error 55000. Once the file
# is back, the next scan ends like one that nothing disturbed. The test geoip_reload does the same with queries.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

# The second file has Lisbon in place of London.
two_databases "$WORK/sample/geoip/Sample-City.mmdb" "$SCRATCH/a" "$SCRATCH/b"
head -c 5000 /dev/urandom >"$SCRATCH/garbage"
scan_server e2e-geoip-scan 'impossible_travel.scan_batch = 1000'
scan_database
folder="$SERVER_DIR/files/geoip"
file="$folder/Sample-City.mmdb"
# Each key is used from one of four cities, and sometimes from another. Without the file that is disturbed,
# Sample-Flat.mmdb would still locate two of these addresses, one of them in another city, so a scan that did without it
# would have other results.
ask "SELECT call('key ' || n % 60, '2026-01-01Z'::timestamptz + n * interval '5 minutes',
        ('{192.0.2.1,203.0.113.1,192.0.2.33,198.51.100.200}'::inet[])[1 + (n + away) % 4], 'person ' || n % 60)
    FROM generate_series(1, 8000) AS n
    CROSS JOIN LATERAL (SELECT CASE WHEN n / 60 % 9 = 0 THEN n / 540 ELSE 0 END AS away) AS a" >/dev/null

status() { ask "SELECT $2 FROM travel.status WHERE rule = '$1'"; }
# The errors and warnings in a file, but not that a GeoIP file is refused.
errors_in() {
    grep -E '^(ERROR|WARNING|FATAL|PANIC|psql):' "$1" |
        grep -v 'WARNING:  01000: GeoIP database .* is refused' || true
}
london="SELECT (travel.locate('192.0.2.1')).city"
file_is() {
    waits_until "SELECT coalesce((SELECT status FROM travel.geoip_databases() WHERE path = '$file'), 'gone')" "$1"
}

# The ways in which the file is disturbed. Each waits until new sessions have seen it.
truncated() {
    as_server truncate --size 0 "$file"
    file_is refused
}
cut_in_half() {
    as_server truncate --size "$(($(stat -c %s "$SCRATCH/a") / 2))" "$file"
    file_is refused
}
overwritten() {
    cp "$SCRATCH/garbage" "$file"
    file_is refused
}
removed() {
    rm "$file"
    file_is gone
}
# By a file of the same content.
replaced() {
    local before
    before=$(stat -c %i "$file")
    put_back
    holds 'it is another file' [ "$(stat -c %i "$file")" != "$before" ]
}
# By a file of other content.
exchanged() {
    replace_by_rename "$SCRATCH/b" "$file"
    waits_until "$london" Lisbon
}
put_back() {
    replace_by_rename "$SCRATCH/a" "$file"
    file_is in_use
    waits_until "$london" London
}

# disturbed RULE HOW [CALL]: starts the call, disturbs the file while the call waits between two steps, and lets it do
# another step. Then it waits in the next one.
disturbed() {
    local how=$2 position
    rule=$1 call=${3:-"CALL travel.scan('$1')"}
    session_open --quiet
    hold_up travel_internal.scans
    ask_coded "$call" >"$SCRATCH/scan" 2>&1 &
    scan=$!
    waits_for_lock 'CALL travel.%scan'
    # travel.rescan takes a few steps until its own pass has evaluated events.
    for _ in {1..8}; do
        one_step
        waits_for_lock 'CALL travel.%scan'
        position=$(status "$rule" 'CASE WHEN under_way THEN position END')
        [ -z "$position" ] || break
    done
    holds "$rule: under way when the file is $how" [ -n "$position" ]
    "$how"
    kill -0 "$scan" || fail "$rule: the call ended while the file was $how: $(cat "$SCRATCH/scan")"
    one_step
    waits_for_lock 'CALL travel.%scan'
    same "$rule: under way afterwards, and further on" 't|t' "$(status "$rule" "under_way, position > '$position'")"
}
# Lets the call continue to its end.
ends_itself() {
    session ROLLBACK
    session_close
    wait "$scan" || fail "$rule: $call failed: $(cat "$SCRATCH/scan")"
    same "$rule: errors of $call" '' "$(errors_in "$SCRATCH/scan")"
    same "$rule: it is done" 'f|' "$(status "$rule" 'under_way, last_error')"
}
# Terminates the call.
is_terminated() {
    ask "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE query LIKE 'CALL travel.%scan(''$rule''%'" >/dev/null
    if wait "$scan"; then fail "$rule: $call was not terminated"; fi
    interrupted terminated "$call" "$SCRATCH/scan"
    session_close
    same "$rule: the scan is left under way" t "$(status "$rule" under_way)"
}
# Calls travel.scan for the rule again, and travel.rescan. Both must say that the file is missing, and change nothing.
is_missing() {
    local before
    before=$(results)
    ask_all "CALL travel.scan('$rule')" >"$SCRATCH/again"
    same "$rule: the errors without the file" "WARNING:  55000: scan of rule \"$rule\" failed: \
a GeoIP database that rule \"$rule\" depends on is missing" "$(errors_in "$SCRATCH/again")"
    refused 55000 "CALL travel.rescan('$rule', '-infinity')"
    same "$rule: what was stored before" "$before" "$(results)"
    holds "$rule: travel.status has the error" grep -q 'is missing (55000)$' <<<"$(status "$rule" last_error)"
}
results() { status "$rule" position && ends "$rule" | cksum; }
# Calls travel.scan for the rule again, which must use the last good copy.
uses_copy() {
    ask_all "CALL travel.scan('$rule')" >"$SCRATCH/again"
    same "$rule: errors with the last good copy" '' "$(errors_in "$SCRATCH/again")"
    same "$rule: it is done with the last good copy" 'f|' "$(status "$rule" 'under_way, last_error')"
    same_ends "$rule: with the last good copy" calm "$rule"
}
# Puts the file back. The next scan of all rules must end as if nothing had happened.
recovers() {
    put_back
    ask_all 'CALL travel.scan()' >"$SCRATCH/again"
    same "$rule: errors once the file is back" '' "$(errors_in "$SCRATCH/again")"
    same "$rule: it is done once the file is back" 'f|' "$(status "$rule" 'under_way, last_error')"
    same_ends "$rule: once the file is back" calm "$rule"
    ask "UPDATE travel.rules SET enabled = false WHERE name = '$rule'"
}

put_back
new_rule calm 'learning_period' "'3 days'"
ask "CALL travel.scan('calm')"
note "$(ask "SELECT format('%s events, %s legs, %s alerts', events, (SELECT count(*) FROM travel.verdicts),
    (SELECT count(*) FROM travel.alerts)) FROM travel_internal.scans WHERE rule = 'calm'")"
same 'it learned, evaluated and raised' t "$(ask "SELECT (SELECT count(*) FROM travel.alerts) > 20 AND (SELECT count(*)
    FROM travel.verdicts WHERE NOT raised) > 20 AND (SELECT count(DISTINCT city) FROM travel.known_places) = 4")"

rule 'a scan that is under way uses one set of files to its end, whatever happens to them'
for how in truncated overwritten replaced exchanged removed; do
    new_rule "during $how" 'learning_period' "'3 days'"
    disturbed "during $how" $how
    ends_itself
    same_ends "while the file is $how" calm "$rule"
    recovers
done

rule 'a scan that continues a scan uses the last good copy of a damaged file, and none of a removed file'
for how in cut_in_half replaced removed; do
    new_rule "after $how" 'learning_period' "'3 days'"
    disturbed "after $how" $how
    is_terminated
    if [ $how = removed ]; then is_missing; else uses_copy; fi
    recovers
done

rule 'after a restart there is no copy of a damaged file, so a scan that was under way waits for a good one'
new_rule restarted 'learning_period' "'3 days'"
disturbed restarted truncated
stop_at_once
if wait "$scan"; then fail "$rule: $call was not interrupted"; fi
interrupted stopped "$call" "$SCRATCH/scan"
session_close
server_up
same 'the scan is under way after the restart' t "$(status "$rule" under_way)"
is_missing
recovers

rule 'the same is true for travel.rescan'
new_rule again 'learning_period' "'3 days'"
ask "CALL travel.scan('again')"
ask "INSERT INTO travel.suppressions (country_code_a, reason) VALUES ('JP', 'an office there')"
ask "CALL travel.rescan('calm', '2026-01-10Z')"
for how in truncated removed; do
    disturbed again $how "CALL travel.rescan('again', '2026-01-10Z')"
    ends_itself
    same_ends "a rescan while the file is $how" calm again
    put_back
done
ask "INSERT INTO travel.suppressions (country_code_a, reason) VALUES ('GB', 'another office there')"
ask "CALL travel.rescan('calm', '2026-01-10Z')"
disturbed again removed "CALL travel.rescan('again', '2026-01-10Z')"
is_terminated
is_missing
recovers
no_crash
